-- The calls that the stage "pages" lists, made by the server itself: :calls calls over :days days up to today.
-- `line` holds sentences with what they are found by; the stage has filled it.
\set ON_ERROR_STOP on
-- Every reference is right by construction; looking each of them up would take most of the time.
SET session_replication_role = replica;
SET maintenance_work_mem = '512MB';
SET work_mem = '128MB';
SELECT setseed(0.5);

-- Rows first, then the indexes: that is how a table of this size is filled.
DROP INDEX ix_call_index_grams, ix_call_index_facets, ix_call_index_call_at, ix_call_index_angry_share,
    ix_call_index_duration_ms, ix_call_index_agent_id, ix_call_index_queue;

CREATE TEMPORARY TABLE call AS
SELECT
    n AS id,
    current_date + interval '18 hours' - interval '1 day' * (:days * (1 - n / CAST(:calls AS float))) AS call_at,
    -- Some agents take many more calls than others.
    format('agent-%s', floor(1000 * power(random(), 2))) AS agent_id,
    format('queue-%s', floor(12 * power(random(), 1.5))) AS queue,
    CASE WHEN n % 500 = 0 THEN 'dead' WHEN n % 251 = 0 THEN 'no_speech' WHEN n > :calls - 40 THEN 'discovered' ELSE 'done' END
        AS state,
    CASE WHEN random() < 0.25 THEN power(random(), 2) ELSE 0 END AS angry_share,
    CASE WHEN random() < 0.1 THEN power(random(), 2) / 2 ELSE 0 END AS sad_share,
    floor(20000 + 580000 * power(random(), 3)) AS duration_ms,
    random() AS luck,
    random() AS chance
FROM generate_series(1, :calls) AS n;
ANALYZE call;

INSERT INTO recording (
    id, bucket, key, etag, size_bytes, state, attempt_no, attempts, discovered_at, finished_at, error_code, error_stage,
    error_message, call_id, agent_id, queue, direction, call_started_at
)
OVERRIDING SYSTEM VALUE
SELECT
    id, 'recordings', format('%s/%s/call-%s.wav', queue, CAST(call_at AS date), id), 'v1', 2000000, state, 1, 1, call_at,
    CASE WHEN state <> 'discovered' THEN call_at + interval '2 minutes' END,
    CASE WHEN state = 'dead' THEN 'undecodable' END,
    CASE WHEN state = 'dead' THEN 'decode' END,
    CASE WHEN state = 'dead' THEN 'no audio' END,
    format('call-%s', id), agent_id, queue, 'inbound', call_at
FROM call;

INSERT INTO call_index (
    recording_id, analysis_id, call_at, call_date, agent_id, queue, duration_ms, angry_share, emotion_shares, anger_bursts,
    severity, finding_count, facets, strip, grams, text, starts_ms
)
SELECT
    call.id, call.id, call_at, CAST(call_at AS date), agent_id, queue, duration_ms, angry_share,
    jsonb_build_object('NEUTRAL', greatest(1 - angry_share - sad_share, 0), 'ANGRY', angry_share, 'SAD', sad_share),
    CASE WHEN angry_share > 0.1 THEN 1 ELSE 0 END,
    CASE WHEN luck < 0.01 THEN 'critical' WHEN luck < 0.08 THEN 'high' WHEN luck < 0.3 THEN 'low' END,
    CASE WHEN luck < 0.3 THEN 1 ELSE 0 END,
    array_remove(ARRAY[
        'device:cpu',
        'language:' || (ARRAY['zh', 'zh', 'zh', 'zh', 'zh', 'zh', 'yue', 'en', 'ja', 'ko'])[1 + floor(10 * chance)],
        'event:SILENCE',
        CASE WHEN chance < 0.6 THEN 'event:CROSSTALK' END,
        CASE WHEN luck > 0.92 THEN 'event:LAUGHTER' END,
        CASE WHEN luck > 0.9999 THEN 'event:SNEEZE' END,
        CASE WHEN luck < 0.3 THEN format('rule:rule-%s', floor(20 * power(luck / 0.3, 2))) END,
        -- A rule of old times: whoever looks from the newest on finds none for long.
        CASE WHEN call.id < :calls * 0.02 THEN 'rule:retired' END,
        CASE WHEN luck < 0.01 THEN 'severity:critical' WHEN luck < 0.08 THEN 'severity:high'
            WHEN luck < 0.3 THEN 'severity:low' END,
        CASE WHEN angry_share > 0.01 THEN 'felt:ANGRY:1' END,
        CASE WHEN angry_share > 0.1 THEN 'felt:ANGRY:10' END,
        CASE WHEN angry_share > 0.25 THEN 'felt:ANGRY:25' END,
        CASE WHEN angry_share > 0.5 THEN 'felt:ANGRY:50' END,
        CASE WHEN sad_share > 0.1 THEN 'felt:SAD:10' END,
        CASE WHEN sad_share > 0.25 THEN 'felt:SAD:25' END,
        CASE WHEN angry_share > 0.1 THEN 'anger:burst' END,
        CASE WHEN angry_share > 0.1 AND chance < 0.4 THEN 'anger:after-silence' END,
        CASE WHEN angry_share > 0.1 AND chance < 0.1 THEN 'outcome:poor' END
    ], NULL),
    CASE WHEN angry_share > 0.1 THEN repeat('N..AN.A.', 6) ELSE repeat('N.N..NN.', 6) END,
    -- No two calls say quite the same; some sentences are said far more often than others.
    to_tsvector('simple', format('call %s', call.id)) || greeting.grams
        || CASE WHEN call.id < :calls * 0.05 THEN old.grams ELSE a.grams END
        || b.grams || c.grams || d.grams || e.grams || f.grams || g.grams || h.grams,
    concat_ws(
        E'\n', format('call-%s %s/call-%s.wav', call.id, queue, call.id), greeting.line,
        CASE WHEN call.id < :calls * 0.05 THEN old.line ELSE a.line END,
        b.line, c.line, d.line, e.line, f.line, g.line, h.line
    ),
    ARRAY[0, 1000, 4000, 9000, 15000, 20000, 26000, 31000, 37000, 42000]
FROM (
    SELECT
        *,
        CAST(floor(:lines * power(random(), 3)) AS int) AS a_no, CAST(floor(:lines * power(random(), 3)) AS int) AS b_no,
        CAST(floor(:lines * power(random(), 3)) AS int) AS c_no, CAST(floor(:lines * power(random(), 3)) AS int) AS d_no,
        CAST(floor(:lines * power(random(), 2)) AS int) AS e_no, CAST(floor(:lines * power(random(), 2)) AS int) AS f_no,
        CAST(floor(:lines * random()) AS int) AS g_no, CAST(floor(:lines * random()) AS int) AS h_no
    FROM call
    WHERE state IN ('done', 'no_speech')
) AS call
JOIN line AS greeting ON greeting.id = -1
JOIN line AS old ON old.id = -2
JOIN line AS a ON a.id = a_no JOIN line AS b ON b.id = b_no JOIN line AS c ON c.id = c_no JOIN line AS d ON d.id = d_no
JOIN line AS e ON e.id = e_no JOIN line AS f ON f.id = f_no JOIN line AS g ON g.id = g_no JOIN line AS h ON h.id = h_no
ORDER BY call.id;

CREATE INDEX ix_call_index_call_at ON call_index (call_at, recording_id);
CREATE INDEX ix_call_index_angry_share ON call_index (angry_share, recording_id);
CREATE INDEX ix_call_index_duration_ms ON call_index (duration_ms, recording_id);
CREATE INDEX ix_call_index_agent_id ON call_index (agent_id, call_at, recording_id);
CREATE INDEX ix_call_index_queue ON call_index (queue, call_at, recording_id);
CREATE INDEX ix_call_index_facets ON call_index USING gin (facets);
CREATE INDEX ix_call_index_grams ON call_index USING gin (grams);
DROP TABLE line;
VACUUM ANALYZE;
