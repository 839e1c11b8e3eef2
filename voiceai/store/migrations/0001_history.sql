CREATE TABLE voiceai.processes (
    id text PRIMARY KEY,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE voiceai.calls (
    id text PRIMARY KEY,
    process_id text NOT NULL,
    number text NOT NULL,
    caller text,
    caller_name text,
    assistant text,
    assistant_id text,
    started_at timestamptz NOT NULL,
    answered_at timestamptz,
    ended_at timestamptz,
    end_reason text,
    details jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX calls_newest_first ON voiceai.calls (started_at DESC);
CREATE INDEX calls_open ON voiceai.calls (process_id) WHERE ended_at IS NULL;

CREATE TABLE voiceai.turns (
    call_id text NOT NULL REFERENCES voiceai.calls (id) ON DELETE CASCADE,
    n integer NOT NULL,
    role text NOT NULL CHECK (role IN ('caller', 'assistant')),
    text text NOT NULL,
    started_ms integer,
    ended_ms integer,
    interrupted boolean NOT NULL DEFAULT false,
    latency jsonb,
    PRIMARY KEY (call_id, n)
);

CREATE TABLE voiceai.messages (
    call_id text NOT NULL REFERENCES voiceai.calls (id) ON DELETE CASCADE,
    n integer NOT NULL,
    kind text NOT NULL,
    at_ms integer,
    content jsonb NOT NULL,
    PRIMARY KEY (call_id, n)
);

CREATE TABLE voiceai.assistant_versions (
    assistant_id text NOT NULL,
    version integer NOT NULL,
    name text NOT NULL,
    yaml text NOT NULL,
    imported_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (assistant_id, version)
);
