-- The calls that the stage "reports" asks about, made by the server itself: :calls calls over :days days up to today,
-- with 40 segments each, and as many further rows as the sample calls have by the minute.
\set ON_ERROR_STOP on
-- Every reference is right by construction; looking each of them up would take most of the time.
SET session_replication_role = replica;
SELECT setseed(0.5);

CREATE TEMPORARY TABLE call AS
SELECT
    n AS id,
    CAST(current_date - :days + 1 + (n - 1) * :days / :calls AS date) AS call_date,
    n % 500 = 0 AS is_dead,
    -- How unhappy a call is: most aren't.
    CASE WHEN random() < 0.3 THEN 1 + floor(3 * random()) ELSE 0 END AS bursts
FROM generate_series(1, :calls) AS n;
ANALYZE call;

INSERT INTO recording (
    id, bucket, key, etag, size_bytes, state, attempt_no, attempts, finished_at, error_code, error_stage, error_message,
    call_id, agent_id, queue, direction, call_started_at, metadata
)
OVERRIDING SYSTEM VALUE
SELECT
    id, 'recordings', format('queue-%s/%s/call-%s.wav', id % 8, call_date, id), 'v1', 2000000,
    CASE WHEN is_dead THEN 'dead' ELSE 'done' END, 1, 1, now(),
    CASE WHEN is_dead THEN 'undecodable' END,
    CASE WHEN is_dead THEN 'decode' END,
    CASE WHEN is_dead THEN 'no audio' END,
    format('call-%s', id),
    -- Some agents take many more calls than others.
    format('agent-%s', floor(200 * power(random(), 2))),
    format('queue-%s', id % 8),
    'inbound', call_date + interval '9 hours', jsonb_build_object('reason', format('reason-%s', id % 6))
FROM call;
DELETE FROM call WHERE is_dead;

-- One call in ten was analysed twice: what it said before counts for nothing.
CREATE TEMPORARY TABLE result AS
SELECT id AS analysis_id, id AS recording_id, call_date, bursts, true AS is_current FROM call
UNION ALL
SELECT :calls + id, id, call_date, bursts, false FROM call WHERE id % 10 = 0;
ANALYZE result;

INSERT INTO analysis (
    id, recording_id, call_date, checkpoint, pipeline, rules, attempt_no, worker, engine, device, container, codec,
    sample_rate_hz, channels, duration_ms, truncated, dual_mono, speech_coverage, segment_count, event_count, timings_ms,
    is_current, agent_speech_ms, customer_speech_ms, silence_count, silence_ms, longest_silence_ms, agent_silence_ms,
    crosstalk_count, crosstalk_ms, agent_interruptions, customer_interruptions, turn_count, agent_response_ms,
    agent_units_per_s, customer_units_per_s, burst_count, finding_count
)
OVERRIDING SYSTEM VALUE
SELECT
    analysis_id, recording_id, call_date, CASE WHEN is_current THEN 'bench-00000002' ELSE 'bench-00000001' END, 3, 'none',
    1, 'worker', 'onnx-int8', 'cpu', 'wav', 'pcm_mulaw', 8000, 2, 240000, false, false, 0.8, 40, 15, '{}', is_current,
    80000 + floor(40000 * random()), 60000 + floor(40000 * random()), 5, floor(20000 * random()), 6000, 4000,
    3, 2000, floor(3 * random()), 1, 20, 300 + floor(900 * random()), 3 + 2 * random(), 3 + 2 * random(), bursts,
    analysis_id % 5
FROM result;

INSERT INTO segment (
    call_date, analysis_id, segment_no, channel, role, start_ms, end_ms, text, language, event, event_probability, words,
    loudness_dbfs, is_speech
)
SELECT
    call_date, analysis_id, k, k % 2, CASE k % 2 WHEN 0 THEN 'agent' ELSE 'customer' END, 6000 * k, 6000 * k + 5000,
    '我的包裹已经三天没有更新了，请问什么时候可以发货？', 'zh', 'SPEECH', 0.97,
    '[{"text": "我", "start_ms": 60, "end_ms": 120}, {"text": "的", "start_ms": 120, "end_ms": 240},
      {"text": "包", "start_ms": 240, "end_ms": 360}, {"text": "裹", "start_ms": 360, "end_ms": 480},
      {"text": "三", "start_ms": 480, "end_ms": 600}, {"text": "天", "start_ms": 600, "end_ms": 720}]',
    -21.5, true
FROM result, generate_series(0, 39) AS k
WHERE is_current;

INSERT INTO emotion (call_date, analysis_id, segment_no, label, probability, distribution)
SELECT call_date, analysis_id, k, 'NEUTRAL', 0.9, '{"NEUTRAL": 0.9, "ANGRY": 0.05, "SAD": 0.05}'
FROM result, generate_series(0, 39) AS k
WHERE is_current;

INSERT INTO event (call_date, analysis_id, event_no, kind, origin, owner, start_ms, end_ms, probability)
SELECT
    call_date, analysis_id, k, (ARRAY['SILENCE', 'CROSSTALK', 'LAUGHTER'])[1 + k % 3], 'derived',
    CASE k % 2 WHEN 0 THEN 'agent' ELSE 'customer' END, 15000 * k, 15000 * k + 1500, 1
FROM result, generate_series(0, 14) AS k;

INSERT INTO turn (
    call_date, analysis_id, turn_no, channel, role, start_ms, end_ms, segment_nos, response_ms, units_per_s, pause_ratio,
    hesitation_count, loudness_dbfs
)
SELECT
    call_date, analysis_id, k, k % 2, CASE k % 2 WHEN 0 THEN 'agent' ELSE 'customer' END, 12000 * k, 12000 * k + 11000,
    ARRAY[2 * k, 2 * k + 1], 400, 4, 0.1, 0, -21.5
FROM result, generate_series(0, 19) AS k;

INSERT INTO burst (
    call_date, analysis_id, burst_no, emotion, probability, start_ms, end_ms, segment_nos, silence_before_ms,
    silence_after_ms, reply_ms, reply_emotion, softened_ms, outcome
)
SELECT
    call_date, analysis_id, k, CASE WHEN luck < 0.7 THEN 'ANGRY' ELSE 'SAD' END, 0.5 + luck / 2, 60000 * k, 60000 * k + 5000,
    ARRAY[k],
    CASE WHEN random() < 0.7 THEN 1200 + floor(4000 * random()) ELSE 0 END,
    CASE WHEN luck < 0.2 THEN 1200 + floor(4000 * random()) ELSE 0 END,
    60000 * k + 6000, 'NEUTRAL', CASE WHEN luck >= 0.4 THEN 60000 * k + 8000 END,
    CASE WHEN luck < 0.2 THEN 'poor' WHEN luck < 0.4 THEN 'open' ELSE 'good' END
FROM (SELECT result.*, k, random() AS luck FROM result, generate_series(1, CAST(bursts AS int)) AS k) AS felt;

-- Of 3,000 words a call says 40, and some are said far more often than others.
INSERT INTO word_count (call_date, analysis_id, word_no, word, language, mentions, angry_mentions)
SELECT
    call_date, analysis_id, k, format('词%s', 40 * floor(75 * power(random(), 3)) + k), 'zh', 1 + floor(4 * random()),
    CASE WHEN bursts > 0 THEN floor(2 * random()) ELSE 0 END
FROM result, generate_series(0, 39) AS k;

INSERT INTO finding (
    call_date, analysis_id, finding_no, rule, role, start_ms, end_ms, evidence, severity, score, probability
)
SELECT
    call_date, analysis_id, k, format('rule-%s', (analysis_id + k) % 10), 'agent', 1000 * k, 1000 * k + 500, '[]',
    (ARRAY['info', 'low', 'medium', 'high', 'critical'])[1 + (analysis_id + k) % 5], 1, random()
FROM result, generate_series(1, analysis_id % 5) AS k;

INSERT INTO scorecard_result (analysis_id, scorecard, score, max_score, items)
SELECT analysis_id, scorecard, floor(11 * random()), 10, '[]'
FROM result, unnest(ARRAY['service', 'soothing']) AS scorecard;

VACUUM ANALYZE;
