-- What GET /api/v1/usage answers.

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

-- Ended requests of one DID in [p_start, p_end), null being unbounded, in the shape of
-- GET /api/v1/usage. p_group_by: any of day, hour, model, endpoint, session, label; empty: no groups.
-- p_session, p_label: only what belongs to these. Costs are decimal strings in USD, because clients read
-- JSON numbers as binary floats. An Ethereum address may be spelt with capitals, as wallets show it.
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
  if p_did like 'did:pkh:%' then
    p_did := public.plain_did(p_did);
  end if;
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
