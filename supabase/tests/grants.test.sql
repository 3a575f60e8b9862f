-- What each role may do, for everything that exists: what a migration forgets to revoke fails here.
begin;
select plan(29);

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
select is_empty(
  $$ select name from functions where has_function_privilege('anon', oid, 'execute') $$,
  'anon may execute nothing'
);
select is_empty(
  $$ select name from functions where has_function_privilege('authenticated', oid, 'execute') $$,
  'authenticated may execute nothing'
);
select is_empty(
  $$ select * from grants where role = 'authenticated' and privilege_type <> 'SELECT' $$,
  'authenticated may change nothing'
);
select set_eq(
  $$ select name from grants where role = 'authenticated' $$,
  array[
    'request_logs', 'usage_daily',
    'usage_by_day', 'usage_by_model', 'usage_by_did', 'usage_recent_failures',
    'user_api_keys.did', 'user_api_keys.status', 'user_api_keys.credit_limit', 'user_api_keys.credit_limit_reset',
    'user_api_keys.created_at', 'user_api_keys.updated_at'
  ],
  'authenticated may read its own account, log and sums, and nothing more'
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
select is(
  has_function_privilege('service_role', 'public.maintain_request_log_partitions(integer)', 'execute'),
  false,
  'creating and dropping partitions is the owner''s'
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
  $$ select name from relations where relkind in ('r', 'p') and name !~ '^partitions' and obj_description(oid, 'pg_class') is null $$,
  'every table does'
);
select is_empty(
  $$
    select name, attname from relations join pg_catalog.pg_attribute on attrelid = oid
    where name in ('budgets', 'budget_alerts', 'did_policies', 'gateway_settings')
      and attnum > 0 and not attisdropped and col_description(oid, attnum) is null
      -- These go without saying.
      and attname not in ('id', 'only_row', 'created_at', 'updated_at', 'reached_at')
      and (name, attname) <> ('did_policies', 'did')
  $$,
  'and every column of what an operator sets and looks at'
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
