-- What GET /api/v1/usage/requests answers: rows of the log, one DID's, the newest first.

-- The cost is a decimal string in USD.
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
comment on function public.told_request is
  'A row of request_logs as GET /api/v1/usage/requests tells it.';

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
comment on function public.usage_requests is
  'A page of a DID''s requests, newest first, as GET /api/v1/usage/requests tells them.';

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
comment on function public.usage_request is
  'One request of a DID, as GET /api/v1/usage/requests/{id} tells it; null: it has none of this id.';
