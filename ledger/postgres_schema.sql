-- What a ledger is made of in PostgreSQL. Run with the search path on the ledger's own schema; {openings} is
-- the list of `ledger.store.OPENING_TOPICS`, {version} the version of this schema.

-- One row: how far the ledger got. Its lock is the write lock, so positions are in the order of commit and
-- without a gap; a sequence would leave gaps on rollback and number entries before they commit.
CREATE TABLE head (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  application text NOT NULL DEFAULT 'service-ledger' CHECK (application = 'service-ledger'),
  schema_version integer NOT NULL,
  position bigint NOT NULL DEFAULT 0 CHECK (position >= 0)
) WITH (fillfactor = 20);
INSERT INTO head (schema_version) VALUES ({version});

CREATE TABLE stored_events (
  position bigint PRIMARY KEY CHECK (position > 0),
  originator_id text COLLATE "C" NOT NULL,
  originator_version bigint NOT NULL,
  topic text COLLATE "C" NOT NULL,
  state bytea NOT NULL,
  UNIQUE (originator_id, originator_version)
);
CREATE INDEX openings ON stored_events (position) WHERE topic IN ({openings});

CREATE TABLE tree_tiles (
  level integer NOT NULL CHECK (level >= 0),
  number bigint NOT NULL CHECK (number >= 0),
  root bytea NOT NULL CHECK (octet_length(root) = 32),
  hashes bytea NOT NULL CHECK (octet_length(hashes) = 8192),
  PRIMARY KEY (level, number)
);

-- Takes the write lock and says how far the ledger got. The lock of a row goes to whoever wakes first; the
-- advisory lock before it is a queue, first come, first served.
CREATE FUNCTION take_head() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  reached bigint;
BEGIN
  PERFORM pg_advisory_xact_lock((x'534c6467'::bigint << 32) + 'head'::regclass::oid::bigint);
  SELECT head.position INTO STRICT reached FROM head FOR UPDATE;
  RETURN reached;
END $$;

-- Once per statement, COPY included: what was added takes the next positions in their order, and each stream's next
-- versions. Then, and nowhere else, the head moves. Whoever listens hears of it when it is committed. Lists of what was
-- added are in the order it was added in, which a hash keeps and a sort may not: whoever inserts, none is sorted.
CREATE FUNCTION entries_only_follow() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT
  SET enable_hashagg = on SET enable_sort = off AS $$
DECLARE
  reached bigint := take_head();
  high bigint;
  positions bigint[];
BEGIN
  SELECT array_agg(a.position) INTO positions FROM added AS a;
  IF positions IS NULL THEN
    RETURN NULL;
  END IF;
  high := reached + cardinality(positions);
  IF positions <> ARRAY(SELECT generate_series(reached + 1, high)) THEN
    RAISE EXCEPTION 'an entry only follows the last of the ledger, %, not at %', reached, positions[:9]
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF EXISTS (
    SELECT FROM (
      SELECT added.originator_id AS stream, array_agg(added.originator_version) AS versions
      FROM added GROUP BY added.originator_id
    ) AS run CROSS JOIN LATERAL (
      SELECT run.versions[1] AS first, run.versions[1] + cardinality(run.versions) - 1 AS last
    ) AS ends
    WHERE run.versions <> ARRAY(SELECT generate_series(ends.first, ends.last))
    OR ends.first <> (
      SELECT max(e.originator_version) + 1 FROM stored_events AS e
      WHERE e.originator_id = run.stream AND e.originator_version < ends.first
    )
    OR EXISTS (
      SELECT FROM stored_events AS e WHERE e.originator_id = run.stream AND e.originator_version > ends.last
    )
  ) THEN
    RAISE EXCEPTION 'an entry only follows the last of its stream' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  UPDATE head SET position = high;
  PERFORM pg_notify('service_ledger_' || TG_RELID, '');
  RETURN NULL;
END $$;

CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of %: what the ledger holds is never changed or removed', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER entries_only_follow AFTER INSERT ON stored_events
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION entries_only_follow();
CREATE TRIGGER entries_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON stored_events
  FOR EACH STATEMENT EXECUTE FUNCTION never();
CREATE TRIGGER tiles_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON tree_tiles
  FOR EACH STATEMENT EXECUTE FUNCTION never();
CREATE TRIGGER head_is_never_removed BEFORE DELETE OR TRUNCATE ON head
  FOR EACH STATEMENT EXECUTE FUNCTION never();
CREATE TRIGGER head_never_goes_back BEFORE UPDATE ON head
  FOR EACH ROW WHEN (NEW.position < OLD.position OR NEW.schema_version < OLD.schema_version) EXECUTE FUNCTION never();
ALTER TABLE stored_events ENABLE ALWAYS TRIGGER entries_only_follow;
ALTER TABLE stored_events ENABLE ALWAYS TRIGGER entries_never_change;
ALTER TABLE tree_tiles ENABLE ALWAYS TRIGGER tiles_never_change;
ALTER TABLE head ENABLE ALWAYS TRIGGER head_is_never_removed;
ALTER TABLE head ENABLE ALWAYS TRIGGER head_never_goes_back;

-- Lets a role append and read, and nothing else: SELECT service_ledger.admit('ledger_app')
CREATE FUNCTION admit(application_role name) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), application_role);
  EXECUTE format('GRANT SELECT ON head, stored_events, tree_tiles TO %I', application_role);
  EXECUTE format('GRANT INSERT ON stored_events, tree_tiles TO %I', application_role);
  EXECUTE format('GRANT EXECUTE ON FUNCTION take_head() TO %I', application_role);
END $$;
REVOKE ALL ON FUNCTION take_head(), entries_only_follow(), never(), admit(name) FROM PUBLIC;
