CREATE TABLE public."Assistant" (
    id text PRIMARY KEY DEFAULT gen_random_uuid()::text,
    name text NOT NULL UNIQUE,
    greeting text,
    "systemPrompt" text,
    voice text,
    language text,
    pipeline text,
    overrides jsonb
);

CREATE TABLE public."PhoneNumber" (
    id text PRIMARY KEY DEFAULT gen_random_uuid()::text,
    number text NOT NULL UNIQUE,
    "assignedToAssistantId" text REFERENCES public."Assistant" (id) ON DELETE SET NULL
);
