-- updated_at, which the database keeps.
begin;
select plan(9);

select results_eq(
  $$
    select tgrelid::regclass::text from pg_catalog.pg_trigger
    where tgfoid = 'public.set_updated_at'::regproc and tgenabled = 'O' order by 1
  $$,
  $$
    select attrelid::regclass::text from pg_catalog.pg_attribute
    join pg_catalog.pg_class on pg_class.oid = attrelid
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and attname = 'updated_at' order by 1
  $$,
  'each table that has updated_at has its trigger'
);

insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name, updated_at)
values ('did:key:alice', repeat('a', 64), 'v1.x', 'alice', '2026-01-01 00:00:00+00');
insert into public.did_policies (did, updated_at) values ('did:key:alice', '2026-01-01 00:00:00+00');
select is((select updated_at from public.user_api_keys where did = 'did:key:alice'), '2026-01-01 00:00:00+00'::timestamptz, 'a new row has the time that it comes with');

update public.user_api_keys set key_name = key_name where did = 'did:key:alice';
update public.did_policies set access = access where did = 'did:key:alice';
select is((select updated_at from public.user_api_keys where did = 'did:key:alice'), '2026-01-01 00:00:00+00'::timestamptz, 'a change that changes nothing leaves it');
select is((select updated_at from public.did_policies where did = 'did:key:alice'), '2026-01-01 00:00:00+00'::timestamptz, 'in a policy, too');

set local role service_role;
update public.user_api_keys set status = 'disabled' where did = 'did:key:alice';
update public.did_policies set daily_budget_usd = 5 where did = 'did:key:alice';
select is((select updated_at from public.user_api_keys where did = 'did:key:alice'), now(), 'an account that is changed by hand has the time of that');
select is((select updated_at from public.did_policies where did = 'did:key:alice'), now(), 'so has a policy');
update public.did_policies set updated_at = '2026-01-01 00:00:00+00' where did = 'did:key:alice';
select is((select updated_at from public.did_policies where did = 'did:key:alice'), now(), 'and nobody says otherwise');

reset role;
alter table public.gateway_settings disable trigger set_updated_at;
update public.gateway_settings set updated_at = '2026-01-01 00:00:00+00';
alter table public.gateway_settings enable trigger set_updated_at;
update public.gateway_settings set job_reserve_usd = job_reserve_usd;
select is((select updated_at from public.gateway_settings), '2026-01-01 00:00:00+00'::timestamptz, 'settings that stay as they are leave it, too');
update public.gateway_settings set job_reserve_usd = job_reserve_usd + 1;
select is((select updated_at from public.gateway_settings), now(), 'so have the settings');

select * from finish();
rollback;
