-- Everything that SQL can say of a database's objects: a row for each, with its facts as JSON, which do not
-- depend on when or in which order the objects came to be. Of a column, its place among those that are
-- there counts; numbers of the catalog do not.
--
-- Left out: what PostgreSQL itself has, what belongs to an extension, sizes and statistics.

-- Who may do what, whoever owns it, and by default where nobody has said anything.
create or replace function pg_temp.privileges(acl aclitem[], kind "char", owner oid) returns jsonb
language sql as $$
  select coalesce(jsonb_agg(privilege order by privilege), '[]')
  from (
    select case when grantee = 0 then 'public' else grantee::regrole::text end
      || ': ' || string_agg(
        lower(privilege_type) || case when is_grantable then ' with grant option' else '' end, ', '
        order by privilege_type
      ) as privilege
    from aclexplode(coalesce(acl, acldefault(kind, owner)))
    group by grantee
  ) as granted
$$;

-- A row of the catalog as JSON, without what is said in words elsewhere, and without what is as always.
create or replace function pg_temp.facts(facts jsonb) returns jsonb
language sql as $$
  select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(facts)
  where value not in ('null', 'false', '""', '[]', '{}')
$$;

with schemas as (
  select namespace.* from pg_namespace as namespace
  where nspname !~ '^pg_' and nspname not in ('information_schema', 'supabase_migrations')
),
of_extensions as (
  select classid, objid from pg_depend where deptype = 'e'
),
relations as (
  select class.*, schemas.nspname || '.' || class.relname as name,
    case class.relkind
      when 'r' then 'table' when 'p' then 'table' when 'v' then 'view' when 'm' then 'materialized view'
      when 'S' then 'sequence' when 'f' then 'foreign table' when 'c' then 'type'
    end as kind
  from pg_class as class
  join schemas on schemas.oid = class.relnamespace
  where class.relkind in ('r', 'p', 'v', 'm', 'S', 'f', 'c')
    and ('pg_class'::regclass, class.oid) not in (select * from of_extensions)
),
objects (object, facts) as (
  select 'schema ' || nspname, jsonb_build_object(
    'owner', nspowner::regrole,
    'privileges', pg_temp.privileges(nspacl, 'n', nspowner),
    'comment', obj_description(oid, 'pg_namespace')
  )
  from schemas

  union all
  select 'extension ' || extname, jsonb_build_object('schema', extnamespace::regnamespace)
  from pg_extension

  union all
  select kind || ' ' || name, jsonb_build_object(
    'owner', relowner::regrole,
    'privileges',
    pg_temp.privileges(relacl, case relkind when 'S' then 's' else 'r' end::"char", relowner),
    'comment', case when not relispartition then obj_description(oid, 'pg_class') end,
    'options', to_jsonb(reloptions),
    'persistence', relpersistence,
    'access method', (select amname from pg_am where pg_am.oid = relam),
    'tablespace', nullif(reltablespace, 0),
    'row level security', relrowsecurity,
    'row level security binds the owner', relforcerowsecurity,
    'replica identity', relreplident,
    'partitioned', pg_get_partkeydef(oid),
    'inherits', (
      select jsonb_agg(inhparent::regclass order by inhseqno) from pg_inherits where inhrelid = relations.oid
    ),
    'partition', pg_get_expr(relpartbound, oid),
    'of type', nullif(reloftype, 0)::regtype,
    'definition', case when relkind in ('v', 'm') then pg_get_viewdef(oid) end,
    'columns in this order', (
      select jsonb_agg(attname order by attnum) from pg_attribute
      where attrelid = relations.oid and attnum > 0 and not attisdropped and relkind <> 'S'
    ),
    'numbers', (
      select to_jsonb(pg_sequence) - '{seqrelid, seqtypid}'::text[]
        || jsonb_build_object('type', seqtypid::regtype)
      from pg_sequence where seqrelid = relations.oid
    )
  )
  from relations
  where relkind <> 'c'

  union all
  select 'column ' || relations.name || '.' || attname, jsonb_build_object(
    'type', format_type(atttypid, atttypmod),
    'not null', attnotnull,
    'default', pg_get_expr(adbin, adrelid),
    'identity', attidentity,
    'generated', attgenerated,
    'storage', attstorage,
    'compression', attcompression,
    'statistics', attstattarget,
    'collation', (
      select nullif(collname, 'default') from pg_collation where pg_collation.oid = attcollation
    ),
    'inherited', attinhcount,
    'local', attislocal,
    'options', to_jsonb(attoptions),
    'foreign options', to_jsonb(attfdwoptions),
    'privileges', pg_temp.privileges(attacl, 'c', relowner),
    -- A partition has the comments of the day on which it was made.
    'comment', case when not relispartition then col_description(attrelid, attnum) end
  )
  from relations
  join pg_attribute on attrelid = relations.oid and attnum > 0 and not attisdropped and relkind <> 'S'
  left join pg_attrdef on adrelid = attrelid and adnum = attnum

  union all
  select 'constraint ' || conname || ' on ' || coalesce(relations.name, contypid::regtype::text),
    jsonb_build_object(
      -- A partition that was made after the constraint has been valid from the beginning.
      'definition', case when coalesce(relispartition, false)
        then regexp_replace(pg_get_constraintdef(pg_constraint.oid), ' NOT VALID$', '')
        else pg_get_constraintdef(pg_constraint.oid) end,
      'inherited', coninhcount,
      'local', conislocal,
      'comment', case when not coalesce(relispartition, false) then
        obj_description(pg_constraint.oid, 'pg_constraint') end
    )
  from pg_constraint
  join schemas on schemas.oid = connamespace
  left join relations on relations.oid = conrelid

  union all
  select 'index ' || index.relname || ' on ' || relations.name, jsonb_build_object(
    'definition', pg_get_indexdef(indexrelid),
    'owner', index.relowner::regrole,
    'options', to_jsonb(index.reloptions),
    'tablespace', nullif(index.reltablespace, 0),
    'valid', indisvalid,
    'enforced at once', indimmediate,
    'clustered', indisclustered,
    'replica identity', indisreplident,
    'part of', (select inhparent::regclass from pg_inherits where inhrelid = indexrelid),
    'comment', case when not relations.relispartition then obj_description(indexrelid, 'pg_class') end
  )
  from pg_index
  join relations on relations.oid = indrelid
  join pg_class as index on index.oid = indexrelid

  union all
  select 'trigger ' || tgname || ' on ' || relations.name, jsonb_build_object(
    'definition', pg_get_triggerdef(pg_trigger.oid),
    'enabled', tgenabled,
    'comment', obj_description(pg_trigger.oid, 'pg_trigger')
  )
  from pg_trigger join relations on relations.oid = tgrelid
  where not tgisinternal

  union all
  select 'rule ' || rulename || ' on ' || relations.name, jsonb_build_object(
    'definition', pg_get_ruledef(pg_rewrite.oid),
    'enabled', ev_enabled,
    'comment', obj_description(pg_rewrite.oid, 'pg_rewrite')
  )
  from pg_rewrite join relations on relations.oid = ev_class
  where rulename <> '_RETURN'

  union all
  select 'policy ' || polname || ' on ' || relations.name, jsonb_build_object(
    'command', polcmd,
    'permissive', polpermissive,
    'roles', (
      select jsonb_agg(case role when 0 then 'public' else role::regrole::text end order by role)
      from unnest(polroles) as role
    ),
    'using', pg_get_expr(polqual, polrelid),
    'with check', pg_get_expr(polwithcheck, polrelid),
    'comment', obj_description(pg_policy.oid, 'pg_policy')
  )
  from pg_policy join relations on relations.oid = polrelid

  union all
  select 'statistics ' || schemas.nspname || '.' || stxname, jsonb_build_object(
    'definition', pg_get_statisticsobjdef(pg_statistic_ext.oid),
    'owner', stxowner::regrole,
    'target', stxstattarget,
    'comment', obj_description(pg_statistic_ext.oid, 'pg_statistic_ext')
  )
  from pg_statistic_ext join schemas on schemas.oid = stxnamespace

  union all
  select 'function ' || schemas.nspname || '.' || proname || '('
      || pg_get_function_identity_arguments(pg_proc.oid) || ')',
    jsonb_build_object(
      'definition', case when prokind <> 'a' then pg_get_functiondef(pg_proc.oid) end,
      'aggregate', (
        select to_jsonb(pg_aggregate) - 'aggfnoid' from pg_aggregate where aggfnoid = pg_proc.oid
      ),
      'owner', proowner::regrole,
      'privileges', pg_temp.privileges(proacl, 'f', proowner),
      'comment', obj_description(pg_proc.oid, 'pg_proc')
    )
  from pg_proc join schemas on schemas.oid = pronamespace
  where ('pg_proc'::regclass, pg_proc.oid) not in (select * from of_extensions)

  union all
  select 'type ' || schemas.nspname || '.' || typname, jsonb_build_object(
    'kind', typtype,
    'owner', typowner::regrole,
    'privileges', pg_temp.privileges(typacl, 'T', typowner),
    'comment', obj_description(pg_type.oid, 'pg_type'),
    'members in this order', (
      select jsonb_agg(attname order by attnum) from pg_attribute
      where attrelid = typrelid and attnum > 0 and not attisdropped
    ),
    'labels', (
      select jsonb_agg(enumlabel order by enumsortorder) from pg_enum where enumtypid = pg_type.oid
    ),
    'base', nullif(format_type(typbasetype, typtypmod), '-'),
    'not null', typnotnull,
    'default', typdefault,
    'range of', (select rngsubtype::regtype from pg_range where rngtypid = pg_type.oid)
  )
  from pg_type
  join schemas on schemas.oid = typnamespace
  left join relations on relations.oid = typrelid
  -- The types of tables and of arrays come and go with those.
  where (typrelid = 0 or relations.relkind = 'c') and typcategory <> 'A'
    and ('pg_type'::regclass, pg_type.oid) not in (select * from of_extensions)

  union all
  select 'default privileges of ' || defaclrole::regrole || ' in '
      || case defaclnamespace when 0 then 'all schemas' else defaclnamespace::regnamespace::text end
      || ' on ' || case defaclobjtype
        when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types'
        when 'n' then 'schemas' else defaclobjtype::text end,
    jsonb_build_object('privileges', pg_temp.privileges(defaclacl, defaclobjtype, defaclrole))
  from pg_default_acl

  union all
  select 'event trigger ' || evtname, to_jsonb(pg_event_trigger) - '{oid, evtowner, evtfoid}'::text[]
    || jsonb_build_object('owner', evtowner::regrole, 'function', evtfoid::regprocedure)
  from pg_event_trigger

  union all
  select 'publication ' || pubname, to_jsonb(pg_publication) - '{oid, pubowner}'::text[]
    || jsonb_build_object(
      'owner', pubowner::regrole,
      'tables', (
        select jsonb_agg(prrelid::regclass order by prrelid::regclass::text)
        from pg_publication_rel where prpubid = pg_publication.oid
      )
    )
  from pg_publication

  union all
  select 'settings of ' || coalesce(nullif(setrole, 0)::regrole::text, 'everybody') || ' in this database',
    jsonb_build_object('settings', to_jsonb(setconfig))
  from pg_db_role_setting
  where setdatabase = (select oid from pg_database where datname = current_database())

  union all
  -- What this query does not know: it has to learn it before somebody uses it.
  select 'unknown to catalog.sql: ' || pg_describe_object(pg_depend.classid, pg_depend.objid, 0), '{}'
  from pg_depend
  join schemas on pg_depend.refclassid = 'pg_namespace'::regclass and schemas.oid = pg_depend.refobjid
  where pg_depend.classid not in (
    'pg_class'::regclass, 'pg_type'::regclass, 'pg_proc'::regclass, 'pg_constraint'::regclass,
    'pg_statistic_ext'::regclass, 'pg_default_acl'::regclass, 'pg_extension'::regclass,
    'pg_publication_namespace'::regclass
  )
)
select object, pg_temp.facts(facts) as facts from objects order by object
