VIEW activity AS
 SELECT a.user_id,
    m.name AS metric,
    m.unit,
    a.recorded_at,
    a.ended_at,
        CASE
            WHEN (a.grain >= 86400) THEN (a.recorded_at - make_interval(secs => (a.utc_offset)::double precision))
            ELSE a.recorded_at
        END AS started_at,
        CASE
            WHEN (a.grain >= 86400) THEN ((a.recorded_at AT TIME ZONE 'UTC'::text))::date
            ELSE (((a.recorded_at + make_interval(secs => (a.utc_offset)::double precision)) AT TIME ZONE 'UTC'::text))::date
        END AS local_date,
    a.grain,
    a.value,
    s.name AS source,
    a.received_at,
    a.attributes
   FROM ((activity_metrics a
     JOIN metric_names m ON ((m.id = a.metric_id)))
     LEFT JOIN sources s ON ((s.id = a.source_id)));
TABLE activity_metrics PARTITION BY RANGE (recorded_at)
    user_id uuid NOT NULL
    recorded_at timestamp with time zone NOT NULL
    ended_at timestamp with time zone NOT NULL
    received_at timestamp with time zone NOT NULL
    value double precision
    grain integer NOT NULL
    key_source integer NOT NULL
    source_id integer NOT NULL
    utc_offset integer NOT NULL
    metric_id smallint NOT NULL
    attributes text NOT NULL
    other_values text NOT NULL
    zone_assumed boolean NOT NULL DEFAULT false
    inferred boolean NOT NULL DEFAULT false
    CONSTRAINT activity_metrics_grain_check CHECK ((grain >= 0))
    CONSTRAINT activity_metrics_pkey PRIMARY KEY (user_id, metric_id, grain, recorded_at, ended_at, key_source)
CREATE INDEX activity_metrics_inferred ON ONLY public.activity_metrics USING btree (user_id, metric_id, recorded_at) WHERE inferred
TABLE alerts
    user_id uuid NOT NULL
    id uuid NOT NULL
    first_seen_at timestamp with time zone NOT NULL
    last_seen_at timestamp with time zone NOT NULL
    acknowledged_at timestamp with time zone
    resolved_at timestamp with time zone
    occurrences integer NOT NULL
    fingerprint text COLLATE "C" NOT NULL
    kind text NOT NULL
    severity text NOT NULL
    message text NOT NULL
    details jsonb NOT NULL
    CONSTRAINT alerts_pkey PRIMARY KEY (user_id, id)
CREATE UNIQUE INDEX alerts_open ON public.alerts USING btree (user_id, fingerprint) WHERE (resolved_at IS NULL)
TABLE api_key_use
    key_id text COLLATE "C" NOT NULL
    last_used_at timestamp with time zone NOT NULL
    CONSTRAINT api_key_use_pkey PRIMARY KEY (key_id)
TABLE api_keys
    id text COLLATE "C" NOT NULL
    user_id uuid NOT NULL
    name text NOT NULL
    scopes text[] NOT NULL
    tier text NOT NULL
    hash text NOT NULL
    created_at timestamp with time zone NOT NULL
    expires_at timestamp with time zone
    revoked_at timestamp with time zone
    CONSTRAINT api_keys_pkey PRIMARY KEY (id)
CREATE INDEX api_keys_of_user ON public.api_keys USING btree (user_id, created_at, id)
CREATE INDEX api_keys_revoked ON public.api_keys USING btree (revoked_at) WHERE (revoked_at IS NOT NULL)
TABLE audit_log PARTITION BY RANGE (recorded_at)
    user_id uuid NOT NULL
    id uuid NOT NULL
    recorded_at timestamp with time zone NOT NULL
    key_id text NOT NULL
    action text NOT NULL
    resource text NOT NULL
    address inet
    user_agent text NOT NULL
    request_id text NOT NULL
    metadata jsonb NOT NULL
    CONSTRAINT audit_log_pkey PRIMARY KEY (user_id, recorded_at, id)
CREATE INDEX audit_log_recorded ON ONLY public.audit_log USING brin (recorded_at) WITH (pages_per_range='16')
VIEW blood_pressure AS
 SELECT b.user_id,
    m.name AS metric,
    m.unit,
    b.recorded_at,
    b.ended_at,
        CASE
            WHEN (b.grain >= 86400) THEN (b.recorded_at - make_interval(secs => (b.utc_offset)::double precision))
            ELSE b.recorded_at
        END AS started_at,
        CASE
            WHEN (b.grain >= 86400) THEN ((b.recorded_at AT TIME ZONE 'UTC'::text))::date
            ELSE (((b.recorded_at + make_interval(secs => (b.utc_offset)::double precision)) AT TIME ZONE 'UTC'::text))::date
        END AS local_date,
    b.grain,
    b.systolic,
    b.diastolic,
    s.name AS source,
    b.received_at,
    b.attributes
   FROM ((blood_pressure_metrics b
     JOIN metric_names m ON ((m.id = b.metric_id)))
     LEFT JOIN sources s ON ((s.id = b.source_id)));
TABLE blood_pressure_metrics PARTITION BY RANGE (recorded_at)
    user_id uuid NOT NULL
    recorded_at timestamp with time zone NOT NULL
    ended_at timestamp with time zone NOT NULL
    received_at timestamp with time zone NOT NULL
    systolic double precision
    diastolic double precision
    grain integer NOT NULL
    key_source integer NOT NULL
    source_id integer NOT NULL
    utc_offset integer NOT NULL
    metric_id smallint NOT NULL
    attributes text NOT NULL
    other_values text NOT NULL
    zone_assumed boolean NOT NULL DEFAULT false
    inferred boolean NOT NULL DEFAULT false
    CONSTRAINT blood_pressure_metrics_grain_check CHECK ((grain >= 0))
    CONSTRAINT blood_pressure_metrics_pkey PRIMARY KEY (user_id, metric_id, grain, recorded_at, ended_at, key_source)
CREATE INDEX blood_pressure_metrics_inferred ON ONLY public.blood_pressure_metrics USING btree (user_id, metric_id, recorded_at) WHERE inferred
TABLE body_orders
    user_id uuid NOT NULL
    last_order bigint NOT NULL
    arriving bigint[] NOT NULL
    CONSTRAINT body_orders_pkey PRIMARY KEY (user_id)
TABLE daily_summaries
    user_id uuid NOT NULL
    sum double precision NOT NULL
    minimum double precision
    maximum double precision
    last_value double precision
    last_start timestamp with time zone
    systolic_sum double precision
    systolic_minimum double precision
    systolic_maximum double precision
    diastolic_sum double precision
    diastolic_minimum double precision
    diastolic_maximum double precision
    earliest timestamp with time zone NOT NULL
    latest timestamp with time zone NOT NULL
    date date NOT NULL
    grain integer NOT NULL
    count integer NOT NULL
    weight integer NOT NULL
    systolic_weight integer NOT NULL
    diastolic_weight integer NOT NULL
    earliest_offset integer NOT NULL
    latest_offset integer NOT NULL
    metric_id smallint NOT NULL
    source_ids text NOT NULL
    hours bytea
    settled integer
    unplaced double precision
    CONSTRAINT daily_summaries_pkey PRIMARY KEY (user_id, metric_id, date)
VIEW daily_summary AS
 SELECT d.user_id,
    m.name AS metric,
    m.unit,
    d.date,
    d.sum AS total,
        CASE
            WHEN (d.weight > 0) THEN (d.sum / (d.weight)::double precision)
            ELSE NULL::double precision
        END AS average,
    d.minimum,
    d.maximum,
    d.last_value,
        CASE
            WHEN (d.systolic_weight > 0) THEN (d.systolic_sum / (d.systolic_weight)::double precision)
            ELSE NULL::double precision
        END AS systolic,
        CASE
            WHEN (d.diastolic_weight > 0) THEN (d.diastolic_sum / (d.diastolic_weight)::double precision)
            ELSE NULL::double precision
        END AS diastolic,
    d.count,
    d.grain,
    ( SELECT string_agg(s.name, ', '::text ORDER BY s.name) AS string_agg
           FROM sources s
          WHERE (s.id = ANY ((string_to_array(d.source_ids, ' '::text))::integer[]))) AS sources
   FROM (daily_summaries d
     JOIN metric_names m ON ((m.id = d.metric_id)));
TABLE ecg_recordings
    user_id uuid NOT NULL
    started_at timestamp with time zone NOT NULL
    ended_at timestamp with time zone
    received_at timestamp with time zone NOT NULL
    average_heart_rate double precision
    sampling_frequency double precision
    utc_offset integer NOT NULL
    source text NOT NULL
    classification text NOT NULL
    severity text NOT NULL
    unit text NOT NULL
    attributes text NOT NULL
    times timestamp with time zone[]
    voltages double precision[]
    CONSTRAINT ecg_recordings_pkey PRIMARY KEY (user_id, started_at)
TABLE erased_keys
    id text COLLATE "C" NOT NULL
    erased_at timestamp with time zone NOT NULL
    CONSTRAINT erased_keys_pkey PRIMARY KEY (id)
TABLE events
    user_id uuid NOT NULL
    identity uuid NOT NULL
    started_at timestamp with time zone NOT NULL
    ended_at timestamp with time zone
    received_at timestamp with time zone NOT NULL
    utc_offset integer NOT NULL
    kind text COLLATE "C" NOT NULL
    name text COLLATE "C" NOT NULL
    app_id text COLLATE "C" NOT NULL
    digest text COLLATE "C" NOT NULL
    source text NOT NULL
    attributes text NOT NULL
    CONSTRAINT events_pkey PRIMARY KEY (user_id, identity)
CREATE INDEX events_by_kind ON public.events USING btree (user_id, kind, started_at)
CREATE INDEX events_by_start ON public.events USING btree (user_id, started_at)
VIEW heart_rate AS
 SELECT h.user_id,
    m.name AS metric,
    m.unit,
    h.recorded_at,
    h.ended_at,
        CASE
            WHEN (h.grain >= 86400) THEN (h.recorded_at - make_interval(secs => (h.utc_offset)::double precision))
            ELSE h.recorded_at
        END AS started_at,
        CASE
            WHEN (h.grain >= 86400) THEN ((h.recorded_at AT TIME ZONE 'UTC'::text))::date
            ELSE (((h.recorded_at + make_interval(secs => (h.utc_offset)::double precision)) AT TIME ZONE 'UTC'::text))::date
        END AS local_date,
    h.grain,
    h.average,
    h.minimum,
    h.maximum,
    s.name AS source,
    h.received_at,
    h.attributes
   FROM ((heart_rate_metrics h
     JOIN metric_names m ON ((m.id = h.metric_id)))
     LEFT JOIN sources s ON ((s.id = h.source_id)));
TABLE heart_rate_metrics PARTITION BY RANGE (recorded_at)
    user_id uuid NOT NULL
    recorded_at timestamp with time zone NOT NULL
    ended_at timestamp with time zone NOT NULL
    received_at timestamp with time zone NOT NULL
    average double precision
    minimum double precision
    maximum double precision
    grain integer NOT NULL
    key_source integer NOT NULL
    source_id integer NOT NULL
    utc_offset integer NOT NULL
    metric_id smallint NOT NULL
    attributes text NOT NULL
    other_values text NOT NULL
    zone_assumed boolean NOT NULL DEFAULT false
    inferred boolean NOT NULL DEFAULT false
    CONSTRAINT heart_rate_metrics_grain_check CHECK ((grain >= 0))
    CONSTRAINT heart_rate_metrics_pkey PRIMARY KEY (user_id, metric_id, grain, recorded_at, ended_at, key_source)
CREATE INDEX heart_rate_metrics_inferred ON ONLY public.heart_rate_metrics USING btree (user_id, metric_id, recorded_at) WHERE inferred
VIEW latest AS
 SELECT l.user_id,
    m.name AS metric,
    m.unit,
    l.started_at,
    l.ended_at,
    l.grain,
    l.value,
    l.minimum,
    l.maximum,
    l.systolic,
    l.diastolic,
    s.name AS source,
    l.received_at,
    l.attributes
   FROM ((latest_values l
     JOIN metric_names m ON ((m.id = l.metric_id)))
     LEFT JOIN sources s ON ((s.id = l.source_id)));
TABLE latest_values
    user_id uuid NOT NULL
    started_at timestamp with time zone NOT NULL
    ended_at timestamp with time zone NOT NULL
    received_at timestamp with time zone NOT NULL
    value double precision
    minimum double precision
    maximum double precision
    systolic double precision
    diastolic double precision
    grain integer NOT NULL
    source_id integer NOT NULL
    utc_offset integer NOT NULL
    metric_id smallint NOT NULL
    per_source boolean NOT NULL
    attributes text NOT NULL
    as_of timestamp with time zone
    zone_assumed boolean
    CONSTRAINT latest_values_pkey PRIMARY KEY (user_id, metric_id)
TABLE leases
    name text COLLATE "C" NOT NULL
    owner text NOT NULL
    held_until timestamp with time zone NOT NULL
    paused_until timestamp with time zone NOT NULL
    CONSTRAINT leases_pkey PRIMARY KEY (name)
TABLE metric_names
    id smallint NOT NULL
    name text COLLATE "C" NOT NULL
    unit text COLLATE "C" NOT NULL
    kept_in text NOT NULL
    CONSTRAINT metric_names_id_check CHECK ((id > 0))
    CONSTRAINT metric_names_kept_in_check CHECK ((kept_in = ANY (ARRAY['heart_rate_metrics'::text, 'blood_pressure_metrics'::text, 'activity_metrics'::text, 'quantity_metrics'::text])))
    CONSTRAINT metric_names_name_unit_key UNIQUE (name, unit)
    CONSTRAINT metric_names_pkey PRIMARY KEY (id)
TABLE metric_totals
    user_id uuid NOT NULL
    first_at timestamp with time zone NOT NULL
    last_at timestamp with time zone NOT NULL
    samples bigint NOT NULL
    grain integer NOT NULL
    source_id integer NOT NULL
    metric_id smallint NOT NULL
    CONSTRAINT metric_totals_pkey PRIMARY KEY (user_id, metric_id, grain, source_id)
CREATE INDEX metric_totals_by_source ON public.metric_totals USING btree (source_id)
TABLE outbox_destinations
    user_id uuid NOT NULL
    due_at timestamp with time zone
    claimed_until timestamp with time zone NOT NULL
    last_number bigint NOT NULL
    claim uuid
    kind text COLLATE "C" NOT NULL
    name text COLLATE "C" NOT NULL
    CONSTRAINT outbox_destinations_pkey PRIMARY KEY (user_id, kind, name)
CREATE INDEX outbox_destinations_due ON public.outbox_destinations USING btree (due_at) WHERE (due_at IS NOT NULL)
TABLE outbox_messages
    user_id uuid NOT NULL
    id uuid NOT NULL
    created_at timestamp with time zone NOT NULL
    due_at timestamp with time zone NOT NULL
    finished_at timestamp with time zone
    number bigint NOT NULL
    attempts integer NOT NULL
    state text COLLATE "C" NOT NULL
    kind text COLLATE "C" NOT NULL
    destination text COLLATE "C" NOT NULL
    dedupe_key text COLLATE "C" NOT NULL
    failure text NOT NULL
    payload bytea NOT NULL
    CONSTRAINT outbox_messages_pkey PRIMARY KEY (user_id, id)
    CONSTRAINT outbox_messages_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'delivered'::text, 'dead'::text])))
CREATE INDEX outbox_messages_dead ON public.outbox_messages USING btree (user_id, id) WHERE (state = 'dead'::text)
CREATE INDEX outbox_messages_finished ON public.outbox_messages USING btree (finished_at) WHERE (finished_at IS NOT NULL)
CREATE UNIQUE INDEX outbox_messages_once ON public.outbox_messages USING btree (user_id, kind, destination, dedupe_key)
CREATE INDEX outbox_messages_waiting ON public.outbox_messages USING btree (user_id, kind, destination, number) WHERE (state = 'waiting'::text)
VIEW quantities AS
 SELECT q.user_id,
    m.name AS metric,
    m.unit,
    q.recorded_at,
    q.ended_at,
        CASE
            WHEN (q.grain >= 86400) THEN (q.recorded_at - make_interval(secs => (q.utc_offset)::double precision))
            ELSE q.recorded_at
        END AS started_at,
        CASE
            WHEN (q.grain >= 86400) THEN ((q.recorded_at AT TIME ZONE 'UTC'::text))::date
            ELSE (((q.recorded_at + make_interval(secs => (q.utc_offset)::double precision)) AT TIME ZONE 'UTC'::text))::date
        END AS local_date,
    q.grain,
    q.value,
    s.name AS source,
    q.received_at,
    q.attributes
   FROM ((quantity_metrics q
     JOIN metric_names m ON ((m.id = q.metric_id)))
     LEFT JOIN sources s ON ((s.id = q.source_id)));
TABLE quantity_metrics PARTITION BY RANGE (recorded_at)
    user_id uuid NOT NULL
    recorded_at timestamp with time zone NOT NULL
    ended_at timestamp with time zone NOT NULL
    received_at timestamp with time zone NOT NULL
    value double precision
    grain integer NOT NULL
    key_source integer NOT NULL
    source_id integer NOT NULL
    utc_offset integer NOT NULL
    metric_id smallint NOT NULL
    attributes text NOT NULL
    other_values text NOT NULL
    zone_assumed boolean NOT NULL DEFAULT false
    inferred boolean NOT NULL DEFAULT false
    CONSTRAINT quantity_metrics_grain_check CHECK ((grain >= 0))
    CONSTRAINT quantity_metrics_pkey PRIMARY KEY (user_id, metric_id, grain, recorded_at, ended_at, key_source)
CREATE INDEX quantity_metrics_inferred ON ONLY public.quantity_metrics USING btree (user_id, metric_id, recorded_at) WHERE inferred
TABLE raw_bodies PARTITION BY RANGE (received_at)
    user_id uuid NOT NULL
    ingestion_id uuid NOT NULL
    received_at timestamp with time zone NOT NULL
    piece integer NOT NULL
    bytes bytea STORAGE e NOT NULL
    CONSTRAINT raw_bodies_pkey PRIMARY KEY (user_id, ingestion_id, piece, received_at)
TABLE raw_ingestions PARTITION BY RANGE (received_at)
    user_id uuid NOT NULL
    id uuid NOT NULL
    received_at timestamp with time zone NOT NULL
    finished_at timestamp with time zone
    claimed_until timestamp with time zone
    size bigint NOT NULL
    wire_size bigint NOT NULL
    stored_size bigint NOT NULL
    duration bigint NOT NULL
    attempts integer NOT NULL
    warning_count integer NOT NULL
    key_id text NOT NULL
    owner text NOT NULL
    spool text NOT NULL
    status text NOT NULL
    format text NOT NULL
    failure text NOT NULL
    failure_code text NOT NULL
    sha256 bytea NOT NULL
    headers json NOT NULL
    counts json NOT NULL
    errors json NOT NULL
    warnings json NOT NULL
    types json NOT NULL
    received_order bigint
    CONSTRAINT raw_ingestions_pkey PRIMARY KEY (user_id, id, received_at)
CREATE INDEX raw_ingestions_received ON ONLY public.raw_ingestions USING brin (received_at) WITH (pages_per_range='16')
CREATE INDEX raw_ingestions_unfinished ON ONLY public.raw_ingestions USING btree (user_id, id, claimed_until) WHERE (status = 'accepted'::text)
CREATE INDEX raw_ingestions_unread ON ONLY public.raw_ingestions USING btree (user_id, id) WHERE (status = ANY (ARRAY['failed'::text, 'unrecognised'::text]))
VIEW sleep AS
 SELECT sleep_metrics.user_id,
    sleep_metrics.date,
    sleep_metrics.source,
    sleep_metrics.sleep_start,
    sleep_metrics.sleep_end,
    sleep_metrics.in_bed_start,
    sleep_metrics.in_bed_end,
        CASE
            WHEN (sleep_metrics.total IS NOT NULL) THEN sleep_metrics.total
            WHEN ((sleep_metrics.core IS NOT NULL) OR (sleep_metrics.deep IS NOT NULL) OR (sleep_metrics.rem IS NOT NULL)) THEN ((COALESCE(sleep_metrics.core, (0)::double precision) + COALESCE(sleep_metrics.deep, (0)::double precision)) + COALESCE(sleep_metrics.rem, (0)::double precision))
            ELSE sleep_metrics.asleep
        END AS total,
    sleep_metrics.asleep,
    sleep_metrics.core,
    sleep_metrics.deep,
    sleep_metrics.rem,
    sleep_metrics.awake,
    sleep_metrics.in_bed,
    sleep_metrics.received_at,
    sleep_metrics.attributes
   FROM sleep_metrics;
TABLE sleep_metrics
    user_id uuid NOT NULL
    id uuid NOT NULL
    sleep_start timestamp with time zone
    sleep_end timestamp with time zone
    in_bed_start timestamp with time zone
    in_bed_end timestamp with time zone
    received_at timestamp with time zone NOT NULL
    total double precision
    asleep double precision
    core double precision
    deep double precision
    rem double precision
    awake double precision
    in_bed double precision
    date date NOT NULL
    utc_offset integer NOT NULL
    source text COLLATE "C" NOT NULL
    attributes text NOT NULL
    start_offset integer
    field_orders text
    CONSTRAINT sleep_metrics_pkey PRIMARY KEY (user_id, date, id)
TABLE sleep_rules
    user_id uuid NOT NULL
    gap bigint NOT NULL
    CONSTRAINT sleep_rules_pkey PRIMARY KEY (user_id)
TABLE sleep_segments
    user_id uuid NOT NULL
    started_at timestamp with time zone NOT NULL
    ended_at timestamp with time zone NOT NULL
    utc_offset integer NOT NULL
    source text COLLATE "C" NOT NULL
    stage text COLLATE "C" NOT NULL
    attributes text NOT NULL
    end_offset integer
    CONSTRAINT sleep_segments_pkey PRIMARY KEY (user_id, started_at, ended_at, source, stage)
CREATE INDEX sleep_segments_by_end ON public.sleep_segments USING btree (user_id, ended_at)
VIEW sleep_stages AS
 SELECT sleep_segments.user_id,
    sleep_segments.started_at,
    sleep_segments.ended_at,
    sleep_segments.stage,
    sleep_segments.source,
    sleep_segments.attributes
   FROM sleep_segments;
TABLE source_devices
    user_id uuid NOT NULL
    source text COLLATE "C" NOT NULL
    model text COLLATE "C" NOT NULL
    hardware text COLLATE "C" NOT NULL
    first_seen timestamp with time zone NOT NULL
    last_seen timestamp with time zone NOT NULL
    CONSTRAINT source_devices_pkey PRIMARY KEY (user_id, source, model, hardware)
TABLE source_orders
    user_id uuid NOT NULL
    sources text NOT NULL
    version bigint NOT NULL
    followed bigint NOT NULL
    CONSTRAINT source_orders_pkey PRIMARY KEY (user_id)
TABLE sources
    id integer NOT NULL
    name text COLLATE "C"
    CONSTRAINT sources_id_check CHECK ((id > 0))
    CONSTRAINT sources_name_key UNIQUE (name)
    CONSTRAINT sources_pkey PRIMARY KEY (id)
TABLE spans
    user_id uuid NOT NULL
    to_time timestamp with time zone NOT NULL
    from_time timestamp with time zone NOT NULL
    received_order timestamp with time zone NOT NULL
    as_of timestamp with time zone NOT NULL
    ingestion_id uuid NOT NULL
    grain integer NOT NULL
    metric_id smallint NOT NULL
    session text COLLATE "C" NOT NULL
    gaps bytea
    CONSTRAINT spans_grain_check CHECK ((grain > 0))
    CONSTRAINT spans_pkey PRIMARY KEY (user_id, metric_id, to_time, from_time, grain, session)
TABLE trust
    only_row boolean NOT NULL
    epoch bigint NOT NULL
    distrusted_since timestamp with time zone NOT NULL
    distrusted_until timestamp with time zone NOT NULL
    CONSTRAINT trust_only_row_check CHECK (only_row)
    CONSTRAINT trust_pkey PRIMARY KEY (only_row)
TABLE users
    id uuid NOT NULL
    email text COLLATE "C" NOT NULL
    email_folded text COLLATE "C" NOT NULL
    display_name text NOT NULL
    time_zone text NOT NULL
    created_at timestamp with time zone NOT NULL
    erased_at timestamp with time zone
    CONSTRAINT users_email_folded_key UNIQUE (email_folded)
    CONSTRAINT users_pkey PRIMARY KEY (id)
TABLE workout_routes
    user_id uuid NOT NULL
    workout_id uuid NOT NULL
    points integer NOT NULL
    legwise boolean NOT NULL
    path geography(LineStringZM,4326) NOT NULL
    without_altitude integer[]
    speeds double precision[]
    courses double precision[]
    horizontal_accuracies double precision[]
    vertical_accuracies double precision[]
    speed_accuracies double precision[]
    course_accuracies double precision[]
    CONSTRAINT workout_routes_pkey PRIMARY KEY (user_id, workout_id)
CREATE INDEX workout_routes_in_box ON public.workout_routes USING gist (((path)::geometry))
CREATE INDEX workout_routes_near ON public.workout_routes USING gist (path)
TABLE workout_series
    user_id uuid NOT NULL
    workout_id uuid NOT NULL
    name text COLLATE "C" NOT NULL
    times timestamp with time zone[] NOT NULL
    readings double precision[]
    minima double precision[]
    maxima double precision[]
    units text[] NOT NULL
    sources text[] NOT NULL
    utc_offsets integer[] NOT NULL
    CONSTRAINT workout_series_pkey PRIMARY KEY (user_id, workout_id, name)
TABLE workouts
    user_id uuid NOT NULL
    id uuid NOT NULL
    started_at timestamp with time zone NOT NULL
    ended_at timestamp with time zone
    received_at timestamp with time zone NOT NULL
    duration double precision
    utc_offset integer NOT NULL
    app_id text COLLATE "C" NOT NULL
    name text COLLATE "C" NOT NULL
    name_folded text COLLATE "C" NOT NULL
    source text NOT NULL
    quantities json NOT NULL
    attributes text NOT NULL
    end_offset integer
    CONSTRAINT workouts_pkey PRIMARY KEY (user_id, id)
CREATE UNIQUE INDEX workouts_by_app_id ON public.workouts USING btree (user_id, app_id) WHERE (app_id <> ''::text)
CREATE INDEX workouts_by_start ON public.workouts USING btree (user_id, started_at, id)
