-- One maintenance at a time.
begin;
select plan(7);

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

select * from finish();
rollback;
