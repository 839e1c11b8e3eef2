-- What there is of a call's recording; the file itself is in the data folder.
ALTER TABLE voiceai.calls ADD recording jsonb;
CREATE INDEX calls_with_recording ON voiceai.calls ((recording->>'keep_until'))
    WHERE recording IS NOT NULL;

-- Files that nobody may keep, whoever deleted a call or forgot its recording.
CREATE TABLE voiceai.recordings_to_remove (
    call_id text PRIMARY KEY,
    since timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION voiceai.recording_forgotten() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO voiceai.recordings_to_remove (call_id) VALUES (OLD.id) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER recording_deleted AFTER DELETE ON voiceai.calls
    FOR EACH ROW WHEN (OLD.recording IS NOT NULL) EXECUTE FUNCTION voiceai.recording_forgotten();
CREATE TRIGGER recording_forgotten AFTER UPDATE OF recording ON voiceai.calls
    FOR EACH ROW WHEN (OLD.recording IS NOT NULL AND NEW.recording IS NULL)
    EXECUTE FUNCTION voiceai.recording_forgotten();
