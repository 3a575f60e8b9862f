-- Statistics for the gateway: whole days from usage_daily, whole hours from usage_hourly, and at most two
-- parts of hours from the log, however long the range and the log are. Sessions and labels stand in the
-- log alone, and are read from there within a bound.

-- A part of what is added up.
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
comment on type public.usage_part is 'A part of what usage_stats adds up; hour, session and label are null where it is not of one.';
revoke all on type public.usage_part from public;
grant usage on type public.usage_part to service_role;

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
comment on type public.usage_pieces is 'The pieces of a range: days from usage_daily, hours beside them from usage_hourly, the rest at either end from the log.';
revoke all on type public.usage_pieces from public;
grant usage on type public.usage_pieces to service_role;

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
comment on function public.usage_pieces_of is 'The pieces of a range: which of it is read from usage_daily, from usage_hourly and from the log.';

-- What a DID has used in a range, from the totals where they have it.
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

  if p_pieces.hours_start < p_pieces.days_start then
    return query
    select (hour at time zone 'utc')::date, hour, model, endpoint, null::text, null::text, requests,
      failed_requests, requests_without_cost, input_tokens, output_tokens, cached_tokens,
      reasoning_tokens, total_cost
    from public.usage_hourly
    where did = p_did and hour >= p_pieces.hours_start and hour < p_pieces.days_start;
  end if;
  if p_pieces.days_end < p_pieces.hours_end then
    return query
    select (hour at time zone 'utc')::date, hour, model, endpoint, null::text, null::text, requests,
      failed_requests, requests_without_cost, input_tokens, output_tokens, cached_tokens,
      reasoning_tokens, total_cost
    from public.usage_hourly
    where did = p_did and hour >= p_pieces.days_end and hour < p_pieces.hours_end;
  end if;

  for v_start, v_end in
    values (p_pieces.range_start, p_pieces.hours_start), (p_pieces.hours_end, p_pieces.range_end)
  loop
    continue when v_start >= v_end;
    return query
    select (log.hour at time zone 'utc')::date, log.hour, log.model, log.endpoint, null::text, null::text,
      count(*), count(*) filter (where status = 'failed'), count(*) filter (where log.total_cost is null),
      coalesce(sum(log.input_tokens), 0)::bigint, coalesce(sum(log.output_tokens), 0)::bigint,
      coalesce(sum(log.cached_tokens), 0)::bigint, coalesce(sum(log.reasoning_tokens), 0)::bigint,
      coalesce(sum(log.total_cost), 0)
    from (
      select date_trunc('hour', request_time, 'utc') as hour,
        -- counted_model, without a call for each row.
        case
          when http_status between 400 and 499 and http_status <> 429 and generation_id is null
            and request_logs.total_cost = 0
          then 'unknown'
          else coalesce(request_logs.model, 'unknown')
        end as model,
        request_logs.endpoint, status, request_logs.input_tokens, request_logs.output_tokens,
        request_logs.cached_tokens, request_logs.reasoning_tokens, request_logs.total_cost
      from public.request_logs
      where did = p_did and request_time >= v_start and request_time < v_end and status <> 'pending'
    ) as log
    group by log.hour, log.model, log.endpoint;
  end loop;
end;
$$;
comment on function public.usage_from_totals is 'What a DID has used in a range, from usage_daily and usage_hourly, and from the log at its ends.';

-- What a DID has used in [p_start, p_end), from the log, by session and label, too.
--
-- p_session, p_label: only what belongs to these; null: all.
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
      from (
        select date_trunc('hour', request_time, 'utc') as hour,
          -- counted_model, without a call for each row.
          case
            when http_status between 400 and 499 and http_status <> 429 and generation_id is null
              and total_cost = 0
            then 'unknown'
            else coalesce(model, 'unknown')
          end as model,
          endpoint, session, label, status, input_tokens, output_tokens, cached_tokens,
          reasoning_tokens, total_cost
        from public.request_logs
        where did = $1 and request_time >= $2 and request_time < $3 and status <> 'pending' %s
      ) as ended
      group by hour, model, endpoint, session, label
    $query$,
    case when p_session is not null then 'and session = $4 ' else '' end
      || case when p_label is not null then 'and label = $5' else '' end
  ) using p_did, p_start, p_end, p_session, p_label;
end;
$$;
comment on function public.usage_from_log is 'What a DID has used in a range, from the log, by session and label, too.';

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
comment on function public.bounded_log_start is 'From when on a DID''s log has no more than so many rows in a range.';

-- The answer's shape: sums over p_parts, and groups over p_group_parts.
create function public.usage_answer(
  p_parts public.usage_part[],
  p_group_parts public.usage_part[],
  p_group_by text[]
)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_named_models constant integer := 100;
  v_named_groups constant integer := 5000;
  v_result jsonb;
begin
  with totals as (
    select jsonb_build_object(
      'total_requests', coalesce(sum(requests), 0)::bigint,
      'successful_requests', coalesce(sum(requests - failed_requests), 0)::bigint,
      'failed_requests', coalesce(sum(failed_requests), 0)::bigint,
      'requests_without_cost', coalesce(sum(requests_without_cost), 0)::bigint,
      'total_input_tokens', coalesce(sum(input_tokens), 0)::bigint,
      'total_output_tokens', coalesce(sum(output_tokens), 0)::bigint,
      'total_cached_tokens', coalesce(sum(cached_tokens), 0)::bigint,
      'total_reasoning_tokens', coalesce(sum(reasoning_tokens), 0)::bigint,
      'total_cost', trim_scale(coalesce(sum(total_cost), 0))::text
    ) as json
    from unnest(p_parts)
  ),
  by_model as (
    select model, sum(requests)::bigint as requests,
      row_number() over (order by sum(requests) desc, model) as place
    from unnest(p_parts)
    group by model
  ),
  models as (
    select coalesce(jsonb_object_agg(name, requests), '{}') as json,
      coalesce(bool_or(is_truncated), false) as is_truncated
    from (
      select case when place <= v_named_models then model else 'other' end as name,
        sum(requests)::bigint as requests, max(place) > v_named_models as is_truncated
      from by_model
      group by 1
    ) as by_name
  ),
  all_groups as (
    select
      case when 'day' = any (p_group_by) then day end as day,
      case when 'hour' = any (p_group_by) then hour end as hour,
      case when 'model' = any (p_group_by) then model end as model,
      case when 'endpoint' = any (p_group_by) then endpoint end as endpoint,
      case when 'session' = any (p_group_by) then session end as session,
      case when 'label' = any (p_group_by) then label end as label,
      sum(requests) as requests,
      sum(failed_requests) as failed_requests,
      sum(requests_without_cost) as requests_without_cost,
      sum(input_tokens) as input_tokens,
      sum(output_tokens) as output_tokens,
      sum(total_cost) as total_cost
    from unnest(p_group_parts)
    where cardinality(p_group_by) > 0
    group by 1, 2, 3, 4, 5, 6
  ),
  placed as (
    select *,
      row_number() over (
        order by requests desc, day desc, hour desc, model, endpoint, session, label
      ) as place
    from all_groups
  ),
  -- What has no place of its own keeps its day and hour, and is summed up with the like of it.
  named as (
    select *, place > v_named_groups and coalesce(model, endpoint, session, label) is not null as is_other
    from placed
  ),
  groups as (
    select day, hour,
      case when is_other and model is not null then 'other' else model end as model,
      case when is_other and endpoint is not null then 'other' else endpoint end as endpoint,
      case when is_other and session is not null then 'other' else session end as session,
      case when is_other and label is not null then 'other' else label end as label,
      bool_or(is_other) as is_other,
      jsonb_build_object(
        'requests', sum(requests)::bigint,
        'failed_requests', sum(failed_requests)::bigint,
        'requests_without_cost', sum(requests_without_cost)::bigint,
        'input_tokens', sum(input_tokens)::bigint,
        'output_tokens', sum(output_tokens)::bigint,
        'cost', trim_scale(sum(total_cost))::text
      ) as sums
    from named
    group by 1, 2, 3, 4, 5, 6
  ),
  told as (
    select
      coalesce(jsonb_agg(
        case when 'day' = any (p_group_by) then jsonb_build_object('day', day) else '{}' end
          || case when 'hour' = any (p_group_by) then jsonb_build_object(
            'hour', to_char(hour at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
          ) else '{}' end
          || case when 'model' = any (p_group_by) then jsonb_build_object('model', model) else '{}' end
          || case when 'endpoint' = any (p_group_by) then jsonb_build_object('endpoint', endpoint)
            else '{}' end
          || case when 'session' = any (p_group_by) then jsonb_build_object('session', session)
            else '{}' end
          || case when 'label' = any (p_group_by) then jsonb_build_object('label', label) else '{}' end
          || sums
        order by day, hour, model, endpoint, session nulls first, label nulls first
      ), '[]') as json,
      coalesce(bool_or(is_other), false) as is_truncated
    from groups
  )
  select totals.json
    || jsonb_build_object('requests_by_model', models.json, 'groups', told.json)
    || case when models.is_truncated or told.is_truncated then '{"truncated": true}'::jsonb else '{}' end
  into v_result
  from totals, models, told;
  return v_result;
end;
$$;
comment on function public.usage_answer is 'Sums and groups in the shape of GET /api/v1/usage.';

drop function public.usage_stats(text, timestamptz, timestamptz, text[]);

-- Ended requests of one DID in [p_start, p_end), null being unbounded, in the shape of
-- GET /api/v1/usage. p_group_by: any of day, hour, model, endpoint, session, label; empty: no groups.
-- p_session, p_label: only what belongs to these. Costs are decimal strings in USD, because clients read
-- JSON numbers as binary floats.
--
-- The answer is bounded, whatever a client makes up: of the models, the hundred with the most requests are
-- told by name, and of the groups five thousand. The others are summed up under the name 'other', so that
-- nothing is missing from the sums; "truncated": true says so.
--
-- Groups by hour reach back 62 days. Sessions and labels are read from the log: from its newest hundred
-- thousand rows in the range. What is left out so was requested before "partial_before": it is missing
-- from the groups, and, where p_session or p_label choose what is added up, from the sums.
create function public.usage_stats(
  p_did text,
  p_start timestamptz default null,
  p_end timestamptz default null,
  p_group_by text[] default '{}',
  p_session text default null,
  p_label text default null
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_rows constant integer := 100000;
  v_start timestamptz := coalesce(p_start, '-infinity');
  v_end timestamptz := coalesce(p_end, 'infinity');
  v_by_hour boolean := 'hour' = any (p_group_by);
  v_by_origin boolean := p_group_by && '{session, label}';
  v_hours_since timestamptz := public.usage_hourly_kept_since();
  v_log_start timestamptz;
  v_pieces public.usage_pieces;
  v_partial_before timestamptz;
  v_parts public.usage_part[];
  v_group_parts public.usage_part[];
  v_unknown text := (
    select name from unnest(p_group_by) as name
    where name not in ('day', 'hour', 'model', 'endpoint', 'session', 'label') limit 1
  );
begin
  if v_unknown is not null then
    raise exception 'cannot group usage by %', v_unknown using errcode = '22023';
  end if;

  if v_by_origin or p_session is not null or p_label is not null then
    v_log_start := public.bounded_log_start(
      p_did, greatest(v_start, public.request_log_kept_since()), v_end, p_session, p_label, v_rows
    );
    if v_start < v_log_start then
      v_partial_before := least(v_log_start, v_end);
    end if;
    v_group_parts := array(
      select part
      from public.usage_from_log(p_did, v_log_start, v_end, p_session, p_label) as part
    );
  end if;

  if p_session is not null or p_label is not null then
    v_parts := v_group_parts;
  else
    v_pieces := public.usage_pieces_of(v_start, v_end, false);
    v_partial_before := greatest(v_partial_before, v_pieces.partial_before);
    v_parts := array(select part from public.usage_from_totals(p_did, v_pieces) as part);
    if v_by_hour and not v_by_origin then
      v_pieces := public.usage_pieces_of(v_start, v_end, true);
      v_partial_before := greatest(v_partial_before, v_pieces.partial_before);
      v_group_parts := array(select part from public.usage_from_totals(p_did, v_pieces) as part);
    elsif not v_by_origin then
      v_group_parts := v_parts;
    end if;
  end if;
  if v_by_hour and v_log_start is not null and v_start < v_hours_since then
    v_group_parts := array(
      select part from unnest(v_group_parts) as part where (part).hour >= v_hours_since
    );
    v_partial_before := greatest(v_partial_before, least(v_hours_since, v_end));
  end if;

  return public.usage_answer(v_parts, v_group_parts, p_group_by)
    || case when v_partial_before is not null then jsonb_build_object(
      'partial_before',
      to_char(v_partial_before at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    ) else '{}' end;
end;
$$;
comment on function public.usage_stats is
  'Sums over the ended requests of one DID, in the shape of GET /api/v1/usage.';

-- A row of the log as GET /api/v1/usage/requests tells it; the cost is a decimal string in USD.
create function public.told_request(p_row public.request_logs)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_format constant text := 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"';
begin
  return jsonb_build_object(
    'id', p_row.id,
    'request_time', to_char(p_row.request_time at time zone 'utc', v_format),
    'response_time', to_char(p_row.response_time at time zone 'utc', v_format),
    'status', p_row.status,
    'model', p_row.model,
    'provider', p_row.provider,
    'endpoint', p_row.endpoint,
    'streaming', p_row.streaming,
    'http_status', p_row.http_status,
    'input_tokens', p_row.input_tokens,
    'output_tokens', p_row.output_tokens,
    'cached_tokens', p_row.cached_tokens,
    'reasoning_tokens', p_row.reasoning_tokens,
    'cost', trim_scale(p_row.total_cost)::text,
    'cost_source', p_row.cost_source,
    'generation_id', p_row.generation_id,
    'session', p_row.session,
    'label', p_row.label,
    'error_message', p_row.error_message
  );
end;
$$;
comment on function public.told_request is 'A row of request_logs as GET /api/v1/usage/requests tells it.';

-- Up to p_limit of a DID's requests, newest first, pending ones too: those after the one that
-- p_after_time and p_after_id name, or the newest. A row's place never changes, so that whoever goes on
-- from the last one that they were told misses none and is told none twice.
--
-- Returns an array of what told_request returns.
create function public.usage_requests(
  p_did text,
  p_limit integer,
  p_after_time timestamptz default null,
  p_after_id uuid default null,
  p_session text default null,
  p_label text default null
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_requests jsonb;
begin
  -- As text, so that only the conditions that there are choose the index. The time alone chooses the
  -- partitions.
  execute format(
    $query$
      select coalesce(
        jsonb_agg(public.told_request(newest) order by request_time desc, id desc), '[]'
      )
      from (
        select * from public.request_logs
        where did = $1 %s
        order by request_time desc, id desc
        limit $2
      ) as newest
    $query$,
    case when p_after_time is not null
      then 'and request_time <= $3 and (request_time, id) < ($3, $4) ' else '' end
      || case when p_session is not null then 'and session = $5 ' else '' end
      || case when p_label is not null then 'and label = $6' else '' end
  ) into v_requests using p_did, p_limit, p_after_time, p_after_id, p_session, p_label;
  return v_requests;
end;
$$;
comment on function public.usage_requests is 'A page of a DID''s requests, newest first, as GET /api/v1/usage/requests tells them.';

-- One request of a DID; null: the DID has none of this id.
create function public.usage_request(p_did text, p_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_row public.request_logs;
begin
  select * into v_row from public.request_logs where id = p_id and did = p_did limit 1;
  return case when found then public.told_request(v_row) end;
end;
$$;
comment on function public.usage_request is 'One request of a DID, as GET /api/v1/usage/requests/{id} tells it; null: it has none of this id.';

revoke all on function
  public.usage_pieces_of, public.usage_from_totals, public.usage_from_log, public.bounded_log_start,
  public.usage_answer, public.usage_stats, public.told_request, public.usage_requests,
  public.usage_request
  from public, anon, authenticated, service_role;
grant execute on function
  public.usage_pieces_of, public.usage_from_totals, public.usage_from_log, public.bounded_log_start,
  public.usage_answer, public.usage_stats, public.told_request, public.usage_requests,
  public.usage_request
  to service_role;
-- It reads gateway_settings, which service_role does, too.
grant execute on function public.request_log_kept_since to service_role;
