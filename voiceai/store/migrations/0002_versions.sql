-- A version is what a row said, with what it was built upon; `live` ones were the row's own.
ALTER TABLE voiceai.assistant_versions RENAME COLUMN imported_at TO created_at;
ALTER TABLE voiceai.assistant_versions
    ADD origin text NOT NULL DEFAULT 'import' CHECK (origin IN ('import', 'row', 'rollback')),
    ADD author text NOT NULL DEFAULT '',
    ADD live boolean NOT NULL DEFAULT true,
    ADD base integer,
    ADD row_columns jsonb,
    ADD resolved text,
    ADD ready_at timestamptz;
UPDATE voiceai.assistant_versions SET base = version;

CREATE TABLE voiceai.canaries (
    assistant_id text PRIMARY KEY,
    version integer NOT NULL,
    percent real NOT NULL CHECK (percent > 0 AND percent <= 100),
    author text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (assistant_id, version) REFERENCES voiceai.assistant_versions ON DELETE CASCADE
);

CREATE TABLE voiceai.assistant_problems (
    assistant_id text PRIMARY KEY,
    problem text NOT NULL,
    row_columns jsonb,
    since timestamptz NOT NULL DEFAULT now()
);

-- For `assistants watch --apply`, which makes the triggers. It must never break whose write it is.
CREATE FUNCTION voiceai.assistants_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        PERFORM pg_notify('voiceai_assistants', session_user);
    EXCEPTION WHEN OTHERS THEN
        NULL;
    END;
    RETURN NULL;
END $$;

ALTER TABLE voiceai.calls ADD transcript_removed_at timestamptz;
CREATE INDEX calls_with_transcript ON voiceai.calls (started_at)
    WHERE transcript_removed_at IS NULL;
CREATE INDEX calls_of_caller ON voiceai.calls (
    (lower(regexp_replace(regexp_replace(regexp_replace(caller, '\(0\)', '', 'g'),
     '[^0-9A-Za-z*#]', '', 'g'), '^00', ''))), started_at DESC);
