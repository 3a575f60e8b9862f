-- Where statistics are read from: whole days from usage_daily, whole hours from usage_hourly, and at most
-- two parts of hours from the log, however long the range and the log are. Sessions and labels stand in the
-- log alone, and are read from there within a bound.

create type public.usage_part as (
  day date,
  hour timestamptz,
  model text,
  endpoint text,
  session text,
  label text,
  requests bigint,
  failed_requests bigint,
  requests_without_cost bigint,
  input_tokens bigint,
  output_tokens bigint,
  cached_tokens bigint,
  reasoning_tokens bigint,
  total_cost numeric
);
comment on type public.usage_part is
  'A part of what usage_stats adds up; hour, session and label are null where it is not of one.';

-- The pieces of a range, each to its source: days in [days_start, days_end) are read from usage_daily,
-- hours in [hours_start, days_start) and [days_end, hours_end) from usage_hourly, and what is left at
-- either end of [range_start, range_end) from the log. partial_before: there may have been requests before
-- it that none of them has any more; null: there were none.
create type public.usage_pieces as (
  range_start timestamptz,
  hours_start timestamptz,
  days_start timestamptz,
  days_end timestamptz,
  hours_end timestamptz,
  range_end timestamptz,
  partial_before timestamptz
);
comment on type public.usage_pieces is
  'The pieces of a range: days from usage_daily, hours beside them from usage_hourly, the rest at either end from the log.';

-- The pieces of [p_start, p_end). p_by_hour: no days are wanted.
create function public.usage_pieces_of(p_start timestamptz, p_end timestamptz, p_by_hour boolean)
returns public.usage_pieces
language plpgsql
stable
set search_path = ''
as $$
declare
  v_hours_since timestamptz := public.usage_hourly_kept_since();
  v_log_since timestamptz := public.request_log_kept_since();
  v_pieces public.usage_pieces;
  v_hour timestamptz;
begin
  v_pieces.range_start := p_start;
  v_pieces.range_end := greatest(p_end, p_start);
  if p_by_hour and p_start < v_hours_since then
    v_pieces.range_start := least(v_hours_since, v_pieces.range_end);
    v_pieces.partial_before := v_pieces.range_start;
  end if;

  -- Both inwards. Steps are hours, because a day of the session's time zone can have 23 or 25.
  v_hour := date_trunc('hour', v_pieces.range_start, 'utc');
  v_pieces.hours_start := case when v_hour = v_pieces.range_start then v_hour
    else v_hour + interval '1 hour' end;
  v_pieces.hours_end := date_trunc('hour', v_pieces.range_end, 'utc');
  v_hour := date_trunc('day', v_pieces.range_start, 'utc');
  v_pieces.days_start := case when v_hour = v_pieces.range_start then v_hour
    else v_hour + interval '24 hours' end;
  v_pieces.days_end := date_trunc('day', v_pieces.range_end, 'utc');

  if p_by_hour or v_pieces.days_start >= v_pieces.days_end then
    -- No whole day: the hours are in one piece.
    v_pieces.days_start := v_pieces.hours_end;
    v_pieces.days_end := v_pieces.hours_end;
    if v_pieces.hours_start >= v_pieces.hours_end or v_pieces.hours_start < v_hours_since then
      -- Nor hours: all is read from the log.
      v_pieces.hours_start := v_pieces.range_end;
      v_pieces.days_start := v_pieces.range_end;
      v_pieces.days_end := v_pieces.range_end;
      v_pieces.hours_end := v_pieces.range_end;
    end if;
  else
    -- Parts of days that are too old for hours are read from the log.
    if v_pieces.hours_start < v_hours_since then
      v_pieces.hours_start := v_pieces.days_start;
    end if;
    if v_pieces.days_end < v_hours_since then
      v_pieces.hours_end := v_pieces.days_end;
    end if;
  end if;

  if v_log_since is null then
    return v_pieces;
  end if;
  if v_pieces.range_start < least(v_pieces.hours_start, v_log_since) then
    v_pieces.partial_before :=
      greatest(v_pieces.partial_before, least(v_pieces.hours_start, v_log_since));
  end if;
  if v_pieces.hours_end < least(v_pieces.range_end, v_log_since) then
    v_pieces.partial_before :=
      greatest(v_pieces.partial_before, least(v_pieces.range_end, v_log_since));
  end if;
  return v_pieces;
end;
$$;
comment on function public.usage_pieces_of is
  'The pieces of a range: which of it is read from usage_daily, from usage_hourly and from the log.';

create function public.usage_from_totals(p_did text, p_pieces public.usage_pieces)
returns setof public.usage_part
language plpgsql
stable
set search_path = ''
-- From six partitions on, Postgres would choose to plan each look at the log anew.
set plan_cache_mode = force_generic_plan
as $$
declare
  v_start timestamptz;
  v_end timestamptz;
begin
  if p_pieces.days_start < p_pieces.days_end then
    return query
    select day, null::timestamptz, model, endpoint, null::text, null::text, requests, failed_requests,
      requests_without_cost, input_tokens, output_tokens, cached_tokens, reasoning_tokens, total_cost
    from public.usage_daily
    where did = p_did
      and day >= (p_pieces.days_start at time zone 'utc')::date
      and day < (p_pieces.days_end at time zone 'utc')::date;
  end if;

  for v_start, v_end in
    values (p_pieces.hours_start, p_pieces.days_start), (p_pieces.days_end, p_pieces.hours_end)
  loop
    continue when v_start >= v_end;
    return query
    select (hour at time zone 'utc')::date, hour, model, endpoint, null::text, null::text, requests,
      failed_requests, requests_without_cost, input_tokens, output_tokens, cached_tokens,
      reasoning_tokens, total_cost
    from public.usage_hourly
    where did = p_did and hour >= v_start and hour < v_end;
  end loop;

  for v_start, v_end in
    values (p_pieces.range_start, p_pieces.hours_start), (p_pieces.hours_end, p_pieces.range_end)
  loop
    continue when v_start >= v_end;
    return query
    select (hour at time zone 'utc')::date, hour, model, endpoint, null::text, null::text,
      count(*), count(*) filter (where status = 'failed'), count(*) filter (where total_cost is null),
      coalesce(sum(input_tokens), 0)::bigint, coalesce(sum(output_tokens), 0)::bigint,
      coalesce(sum(cached_tokens), 0)::bigint, coalesce(sum(reasoning_tokens), 0)::bigint,
      coalesce(sum(total_cost), 0)
    from public.ended_requests
    where did = p_did and request_time >= v_start and request_time < v_end
    group by hour, model, endpoint;
  end loop;
end;
$$;
comment on function public.usage_from_totals is
  'What a DID has used in a range, from usage_daily and usage_hourly, and from the log at its ends.';

-- The range is [p_start, p_end). p_session, p_label: only what belongs to these; null: all.
create function public.usage_from_log(
  p_did text,
  p_start timestamptz,
  p_end timestamptz,
  p_session text,
  p_label text
)
returns setof public.usage_part
language plpgsql
stable
set search_path = ''
as $$
begin
  -- As text, so that only the conditions that there are choose the index.
  return query execute format(
    $query$
      select (hour at time zone 'utc')::date, hour, model, endpoint, session, label, count(*),
        count(*) filter (where status = 'failed'), count(*) filter (where total_cost is null),
        coalesce(sum(input_tokens), 0)::bigint, coalesce(sum(output_tokens), 0)::bigint,
        coalesce(sum(cached_tokens), 0)::bigint, coalesce(sum(reasoning_tokens), 0)::bigint,
        coalesce(sum(total_cost), 0)
      from public.ended_requests
      where did = $1 and request_time >= $2 and request_time < $3 %s
      group by hour, model, endpoint, session, label
    $query$,
    case when p_session is not null then 'and session = $4 ' else '' end
      || case when p_label is not null then 'and label = $5' else '' end
  ) using p_did, p_start, p_end, p_session, p_label;
end;
$$;
comment on function public.usage_from_log is
  'What a DID has used in a range, from the log, by session and label, too.';

-- The instant from which on a DID's log has no more than p_rows rows before p_end, or p_start where that
-- is later: what is older is not read at once.
create function public.bounded_log_start(
  p_did text,
  p_start timestamptz,
  p_end timestamptz,
  p_session text,
  p_label text,
  p_rows integer
)
returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
declare
  v_time timestamptz;
begin
  execute format(
    $query$
      select request_time from public.request_logs
      where did = $1 and request_time >= $2 and request_time < $3 %s
      order by request_time desc
      offset $6 limit 1
    $query$,
    case when p_session is not null then 'and session = $4 ' else '' end
      || case when p_label is not null then 'and label = $5' else '' end
  ) into v_time using p_did, p_start, p_end, p_session, p_label, p_rows;
  return coalesce(v_time + interval '1 microsecond', p_start);
end;
$$;
comment on function public.bounded_log_start is
  'From when on a DID''s log has no more than so many rows in a range.';
