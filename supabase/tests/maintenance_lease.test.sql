-- One maintenance at a time.
begin;
select plan(9);

select ok(
  public.begin_maintenance('11111111-1111-4111-8111-111111111111', '1 minute'),
  'the first run takes the lease'
);
select ok(
  not public.begin_maintenance('22222222-2222-4222-8222-222222222222', '1 minute'),
  'another one does not, while it is held'
);
select public.end_maintenance('22222222-2222-4222-8222-222222222222');
select ok(
  not public.begin_maintenance('22222222-2222-4222-8222-222222222222', '1 minute'),
  'whoever does not hold the lease cannot end it'
);
select public.end_maintenance('11111111-1111-4111-8111-111111111111');
select ok(
  public.begin_maintenance('22222222-2222-4222-8222-222222222222', '1 minute'),
  'once it is given back the next run takes it'
);
update public.maintenance_runs set expires_at = clock_timestamp() - interval '1 second';
select ok(
  public.begin_maintenance('33333333-3333-4333-8333-333333333333', '1 minute'),
  'a run that died holds it until it expires'
);
select public.end_maintenance('22222222-2222-4222-8222-222222222222');
select is(
  (select run_id from public.maintenance_runs where expires_at > clock_timestamp()),
  '33333333-3333-4333-8333-333333333333'::uuid,
  'and does not end the lease of its successor'
);
select is((select count(*) from public.maintenance_runs), 1::bigint, 'there is one row');
-- By the clock, however long a transaction lasts.
select public.end_maintenance('33333333-3333-4333-8333-333333333333');
select is(
  array[public.begin_maintenance('44444444-4444-4444-8444-444444444444', '0 seconds'), public.begin_maintenance('55555555-5555-4555-8555-555555555555', '1 minute')],
  '{true,true}', 'a lease begins when it is taken, and ends when it says'
);
select ok(
  (select expires_at - now() > '1 minute' and started_at > now() from public.maintenance_runs), 'and so does the next one'
);

select * from finish();
rollback;
