-- The totals of all DIDs together, of days that hardly change any more: with many DIDs, adding up the
-- whole gateway's history from usage_daily anew takes seconds.
--
-- Settlements do not touch these totals, because all DIDs would wait for one another. What changes a day
-- that is over, such as a cost that comes late, leaves a note instead, and the day is added up from
-- usage_daily until housekeeping has done so anew: usage_of_days is exact at any time.

create table public.usage_daily_of_all (
  day date not null,
  model text not null,
  endpoint text not null,
  requests bigint not null,
  failed_requests bigint not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cached_tokens bigint not null,
  reasoning_tokens bigint not null,
  total_cost numeric not null,
  upstream_cost numeric not null,
  requests_without_cost bigint not null,
  primary key (day, model, endpoint)
);
comment on table public.usage_daily_of_all is 'usage_daily of all DIDs together, of days that are over; nobody but service_role sees rows. Read usage_of_days, which has all days.';
comment on column public.usage_daily_of_all.day is 'The UTC day of request_time.';
comment on column public.usage_daily_of_all.model is 'As in usage_daily.';
comment on column public.usage_daily_of_all.endpoint is 'OpenRouter''s path, as in request_logs.';
comment on column public.usage_daily_of_all.requests is 'Requests that have ended.';
comment on column public.usage_daily_of_all.failed_requests is 'Those of them that failed.';
comment on column public.usage_daily_of_all.input_tokens is 'Tokens that went in.';
comment on column public.usage_daily_of_all.output_tokens is 'Tokens that came out.';
comment on column public.usage_daily_of_all.cached_tokens is 'Part of input_tokens.';
comment on column public.usage_daily_of_all.reasoning_tokens is 'Part of output_tokens.';
comment on column public.usage_daily_of_all.total_cost is 'USD, exactly.';
comment on column public.usage_daily_of_all.upstream_cost is 'USD that providers charged the owners of BYOK keys; not part of total_cost.';
comment on column public.usage_daily_of_all.requests_without_cost is 'Ended requests whose cost is not known; total_cost lacks them.';

create table public.usage_day_changes (day date not null);
comment on table public.usage_day_changes is 'Days of which usage_daily has changed since usage_daily_of_all may have been made: a row for each change, so that none waits for another.';
comment on column public.usage_day_changes.day is 'The UTC day.';

-- Which days there are, and the rows of a day.
create index usage_daily_day on public.usage_daily (day);

alter table public.usage_daily_of_all enable row level security;
alter table public.usage_day_changes enable row level security;
revoke all on table public.usage_daily_of_all, public.usage_day_changes
  from public, anon, authenticated, service_role;
grant select, insert, update, delete on table public.usage_daily_of_all, public.usage_day_changes
  to service_role;
-- Without a policy they see no row, so that their views add up their own rows of usage_daily.
grant select on table public.usage_daily_of_all, public.usage_day_changes to authenticated;

create view public.usage_of_days with (security_invoker = true) as
select day, model, endpoint, requests, failed_requests, input_tokens, output_tokens, cached_tokens,
  reasoning_tokens, total_cost, upstream_cost, requests_without_cost
from public.usage_daily_of_all
where day <> all (array(select day from public.usage_day_changes))
union all
select day, model, endpoint, requests, failed_requests, input_tokens, output_tokens, cached_tokens,
  reasoning_tokens, total_cost, upstream_cost, requests_without_cost
from public.usage_daily
where day > coalesce((select max(day) from public.usage_daily_of_all), '-infinity')
  or day = any (array(select day from public.usage_day_changes));
comment on view public.usage_of_days is 'Sums per UTC day, model and endpoint, to be added up further: several rows may be of the same. usage_by_day and usage_by_model do.';

revoke all on table public.usage_of_days from public, anon, authenticated, service_role;
grant select on table public.usage_of_days to authenticated, service_role;

-- Adds up days for usage_daily_of_all, in their order: those that have changed, and then those that have
-- been over for a day. Who changes usage_daily of a day that is over leaves a note: no transaction takes
-- the day that is between the two.
--
-- Returns how many.
create function public.add_up_days(p_limit integer default 7)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_last date := (now() at time zone 'utc')::date - 2;
  v_day date;
  v_days date[];
begin
  if not pg_try_advisory_xact_lock(hashtext('llm-gateway: add_up_days')) then
    return 0;
  end if;
  v_day := coalesce((select max(day) from public.usage_daily_of_all), '-infinity');
  v_days := array(
    select distinct day from public.usage_day_changes where day <= v_day order by day limit p_limit
  );
  while cardinality(v_days) < p_limit loop
    v_day := (select min(day) from public.usage_daily where day > v_day and day <= v_last);
    exit when v_day is null;
    v_days := v_days || v_day;
  end loop;

  -- The notes first: what is noted while the sums are made stays noted, and is in them or not.
  delete from public.usage_day_changes where day = any (v_days);
  delete from public.usage_daily_of_all where day = any (v_days);
  insert into public.usage_daily_of_all
  select day, model, endpoint, sum(requests), sum(failed_requests), sum(input_tokens),
    sum(output_tokens), sum(cached_tokens), sum(reasoning_tokens), sum(total_cost), sum(upstream_cost),
    sum(requests_without_cost)
  from public.usage_daily
  where day = any (v_days)
  group by day, model, endpoint;
  return cardinality(v_days);
end;
$$;
comment on function public.add_up_days is
  'Adds up to p_limit days up for usage_daily_of_all. Returns how many.';

revoke all on function public.add_up_days from public, anon, authenticated, service_role;
grant execute on function public.add_up_days to service_role;
