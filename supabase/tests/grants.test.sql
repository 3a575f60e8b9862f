-- What each role may do, for everything that exists: what a migration forgets to revoke fails here, and
-- so does what is not in the list.
--
-- r select, a insert, w update, d delete. A function is executed by service_role, or by its owner alone.
begin;
select plan((
  select 29 + 3 * count(*)::integer
  from (
    select from pg_catalog.pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'S', 'f')
    union all
    select from pg_catalog.pg_proc where pronamespace = 'public'::regnamespace
  ) as objects
));

create temporary table listed_relations (name text primary key, authenticated text, service_role text)
on commit drop;
insert into listed_relations values
  -- What a Supabase user reads: the rows of its own DID.
  ('ended_requests', 'r', 'r'),
  ('request_logs', 'r', 'rawd'),
  ('usage_daily', 'r', 'rawd'),
  ('usage_daily_of_all', 'r', 'rawd'),
  ('usage_day_changes', 'r', 'rawd'),
  ('usage_hourly', 'r', 'rawd'),
  ('usage_by_day', 'r', 'r'),
  ('usage_by_did', 'r', 'r'),
  ('usage_by_did_day', 'r', 'r'),
  ('usage_by_did_hour', 'r', 'r'),
  ('usage_by_did_label', 'r', 'r'),
  ('usage_by_did_model', 'r', 'r'),
  ('usage_by_did_session', 'r', 'r'),
  ('usage_by_hour', 'r', 'r'),
  ('usage_by_model', 'r', 'r'),
  ('usage_latency', 'r', 'r'),
  ('usage_of_days', 'r', 'r'),
  ('usage_recent_failures', 'r', 'r'),
  ('usage_unknown_costs', 'r', 'r'),
  -- What the gateway and its operator read besides; of user_api_keys a user reads some columns.
  ('accepted_messages', '', 'rawd'),
  ('budget_alerts', '', 'rawd'),
  ('budgets', '', 'rawd'),
  ('cost_checks', '', 'rawd'),
  ('cost_drift', '', 'rawd'),
  ('did_policies', '', 'rawd'),
  ('found_generations', '', 'rawd'),
  ('gateway_settings', '', 'rawd'),
  ('idempotency_keys', '', 'rawd'),
  ('key_provisioning', '', 'rawd'),
  ('key_usages', '', 'rawd'),
  ('maintenance_runs', '', 'rawd'),
  ('retired_api_keys', '', 'rawd'),
  ('user_api_keys', '', 'rawd'),
  ('accounts', '', 'r'),
  ('cost_drift_latest', '', 'r'),
  ('new_dids', '', 'r'),
  ('usage_against_budgets', '', 'r');

create temporary table listed_functions (name text primary key, service_role boolean) on commit drop;
-- What changes tables, and what schedules, is the owner's.
insert into listed_functions
select name, false from unnest(string_to_array(
  'maintain, maintain_request_log_partitions, purge_request_logs, retire_deleted_key, schedule_housekeeping, schedule_maintenance, set_updated_at',
  ', '
)) as name;
insert into listed_functions
select name, true from unnest(regexp_split_to_array(
  '
    access_of, account_limits, add_alerts, add_up_days, admit_request, admit_requests,
    admitted_answer, adopt_generation, allow_did, are_model_patterns, begin_maintenance, block_did,
    book_cost, book_costs, book_late_cost, bounded_log_start, budget_change_at_end,
    budget_change_of, budget_of, change_budgets, check_clear, check_names, claim_budget_alerts,
    claim_cost_checks, claim_cost_searches, claim_key_provisioning, claim_unpriced_requests,
    compare_costs, complete_key_provisioning, count_in_usage, count_new_account,
    count_rows_in_usage, counted_model, difference_of_sums, discard_request, end_budget_alert,
    end_cost_search, end_maintenance, end_rows, enter_admission, enter_admissions, enter_call,
    enter_change, enter_cost, enter_known_cost, enter_known_costs, enter_settlement, erase_did,
    expire_stale_requests, gateway_limits, generations_with_sums, give_back_unpriced_requests,
    has_room, histogram, key_limit_of, latency_bucket, limits_of, lock_budget, lock_costs_of,
    lock_usage, log_row_makes_sense, may_be_charged, model_not_in, note_parts, note_used_up,
    plain_admissions, plain_did, purge_accepted_messages, purge_budget_alerts,
    purge_idempotency_keys, purge_usage_hourly, rate_allows, rate_state, record_key_limit,
    recount_hours, recount_in_usage, refusal_by, release_key_provisioning, request_log_kept_since,
    request_log_retained_since, reservations_of_log, reserve_of, revoke_tokens, rolled,
    set_gateway_limits, set_limits, settle_request, settle_requests, settled_answer,
    standing_cost_drifts, store_budget, threshold_of, token_is_revoked, told_request, try_lock_costs_of,
    unbooked_generations, usage_answer, usage_daily_of_log, usage_from_log, usage_from_totals,
    usage_hourly_kept_since, usage_of_log, usage_pieces_of, usage_request, usage_requests,
    usage_stats, used_until, verify_reservations, verify_usage, with_alerts, with_call, with_change,
    withdraw_request
  ', '[\s,]+'
)) as name
where name <> '';

create temporary view relations as
select oid, oid::regclass::text as name, relowner, relacl, relkind
from pg_catalog.pg_class
where relnamespace in ('public'::regnamespace, 'partitions'::regnamespace)
  and relkind in ('r', 'p', 'v', 'm', 'S', 'f');

create temporary view functions as
select oid, oid::regprocedure::text as name, proowner, proacl, prosecdef, proconfig
from pg_catalog.pg_proc
where pronamespace in ('public'::regnamespace, 'partitions'::regnamespace);

-- Grantees other than the owner; 0 is PUBLIC, which is everybody.
create temporary view grants as
select name, privilege_type, case grantee when 0 then 'public' else grantee::regrole::text end as role
from relations, aclexplode(
  coalesce(relacl, acldefault(case relkind when 'S' then 's' else 'r' end::"char", relowner))
)
where grantee <> relowner
union all
select name, privilege_type, case grantee when 0 then 'public' else grantee::regrole::text end
from functions, aclexplode(coalesce(proacl, acldefault('f', proowner)))
where grantee <> proowner
union all
select name || '.' || attname, privilege_type,
  case grantee when 0 then 'public' else grantee::regrole::text end
from relations join pg_catalog.pg_attribute on attrelid = oid, aclexplode(attacl)
where grantee <> relowner;

select cmp_ok((select count(*) from relations), '>', 10::bigint, 'there are relations to look at');
select cmp_ok((select count(*) from functions), '>', 10::bigint, 'there are functions to look at');

select is_empty(
  $$ select * from grants where role not in ('authenticated', 'service_role') $$,
  'nothing is granted to anon, to everybody or to any other role'
);
select is_empty(
  $$
    select name from relations
    where has_table_privilege(
        'anon', oid, 'select, insert, update, delete, truncate, references, trigger, maintain')
      or (relkind <> 'S' and has_any_column_privilege('anon', oid, 'select, insert, update, references'))
  $$,
  'anon may do nothing with any relation or column'
);
select set_eq(
  $$ select name from grants where role = 'authenticated' and name like '%.%' $$,
  array[
    'user_api_keys.did', 'user_api_keys.status', 'user_api_keys.credit_limit', 'user_api_keys.credit_limit_reset',
    'user_api_keys.created_at', 'user_api_keys.updated_at'
  ],
  'authenticated may read some columns of its own account'
);

-- Role by role, as the list has it.
select is(
  (
    select string_agg(letter, '' order by place)
    from (values
      (1, 'r', 'select'), (2, 'a', 'insert'), (3, 'w', 'update'), (4, 'd', 'delete'), (5, 'D', 'truncate'),
      (6, 'x', 'references'), (7, 't', 'trigger'), (8, 'm', 'maintain')
    ) as privilege (place, letter, name)
    where has_table_privilege(role, relations.oid, privilege.name)
  ),
  nullif(case role when 'authenticated' then authenticated when 'service_role' then service_role end, ''),
  format('%s does with %s what the list says', role, relations.name)
)
from relations left join listed_relations on listed_relations.name = relations.name,
  unnest('{anon, authenticated, service_role}'::text[]) as role
where relations.name not like 'partitions.%';
select is(
  has_function_privilege(role, functions.oid, 'execute'),
  coalesce(role = 'service_role' and service_role, false),
  format('%s does with %s what the list says', role, functions.name)
)
from functions left join listed_functions on listed_functions.name = split_part(functions.name, '(', 1),
  unnest('{anon, authenticated, service_role}'::text[]) as role
where functions.name not like 'partitions.%';
select is_empty(
  $$ select name from relations where name not like 'partitions.%'
    except select name from listed_relations $$,
  'every table and view is in the list'
);
select is_empty(
  $$ select split_part(name, '(', 1) from functions where name not like 'partitions.%'
    except select name from listed_functions $$,
  'and every function'
);
select is_empty(
  $$
    (select name from listed_relations except select name from relations)
    union all
    (select name from listed_functions except select split_part(name, '(', 1) from functions)
  $$,
  'the list has nothing that is not there'
);
select is_empty(
  $$
    select name, attname from relations join pg_catalog.pg_attribute on attrelid = oid
    where attname in ('encrypted_api_key', 'openrouter_key_hash', 'message_hash', 'body_hash')
      and (has_column_privilege('anon', oid, attnum, 'select')
        or has_column_privilege('authenticated', oid, attnum, 'select'))
  $$,
  'no user reads keys or hashes of them, wherever they are'
);
select is_empty(
  $$
    select * from grants
    where role = 'service_role'
      and privilege_type not in ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'EXECUTE')
  $$,
  'service_role has rows and functions, not the tables themselves'
);
select is_empty(
  $$ select * from grants where name like 'partitions.%' $$,
  'partitions are reached through request_logs alone'
);
select is_empty(
  $$
    select role from unnest('{anon, authenticated, service_role}'::text[]) as role
    where has_schema_privilege(role, 'partitions', 'usage, create')
      or has_schema_privilege(role, 'public', 'create')
  $$,
  'no role of the Data API enters the schema of the partitions or creates anything'
);
select is_empty(
  $$
    select typname, role from pg_catalog.pg_type join pg_catalog.pg_class on pg_class.oid = typrelid,
      unnest('{anon, authenticated, service_role}'::text[]) as role
    where typnamespace = 'public'::regnamespace and relkind = 'c'
      and has_type_privilege(role, pg_type.oid, 'usage') <> (role = 'service_role')
  $$,
  'service_role alone uses the types of arguments and results'
);
select is_empty(
  $$ select name from functions where prosecdef $$,
  'every function runs with the rights of its caller'
);
select is_empty(
  $$ select name from functions where not coalesce(proconfig @> '{"search_path=\"\""}', false) $$,
  'every function has an empty search path'
);

-- What the tables say of themselves in psql and Studio.
select is_empty(
  $$ select name from functions where name !~ '^partitions' and obj_description(oid, 'pg_proc') is null $$,
  'every function says what it is for'
);
select is_empty(
  $$ select name from relations where name !~ '^partitions' and obj_description(oid, 'pg_class') is null $$,
  'every table and view does'
);
select is_empty(
  $$
    select name, attname from relations join pg_catalog.pg_attribute on attrelid = oid
    where name !~ '^partitions' and attnum > 0 and not attisdropped and col_description(oid, attnum) is null
  $$,
  'and every column'
);
select is_empty(
  $$
    select typname from pg_catalog.pg_type join pg_catalog.pg_class on pg_class.oid = typrelid
    where typnamespace = 'public'::regnamespace and relkind = 'c' and obj_description(pg_type.oid, 'pg_type') is null
  $$,
  'and every type'
);

-- The same, tried.
set local role anon;
select throws_ok('select did from public.user_api_keys', '42501', null, 'anon reads no account');
select throws_ok(
  $$ select public.usage_stats('did:key:alice') $$, '42501', null,
  'anon does not read statistics by RPC'
);

select throws_ok('select * from public.budgets', '42501', null, 'or what anybody has spent');

set local role authenticated;
set local request.jwt.claims = '{"role": "authenticated", "did": "did:key:alice"}';
select throws_ok(
  'select encrypted_api_key from public.user_api_keys', '42501', null,
  'not even its owner reads an encrypted key'
);
select throws_ok(
  $$ select public.usage_stats('did:key:bob') $$, '42501', null,
  'a user does not read another DID''s statistics by RPC'
);
select throws_ok(
  $$ update public.user_api_keys set credit_limit = 1000000 where did = 'did:key:alice' $$,
  '42501', null, 'a user does not raise a limit'
);
select throws_ok('select did from public.budgets', '42501', null, 'nobody reads budgets');
select throws_ok('select did from public.budget_alerts', '42501', null, 'or alerts');
select throws_ok(
  $$ select public.set_limits('did:key:alice', daily_budget_usd => 1000) $$, '42501', null, 'or sets limits'
);
select throws_ok('delete from public.request_logs', '42501', null, 'a user does not delete a log');

select * from finish();
rollback;
