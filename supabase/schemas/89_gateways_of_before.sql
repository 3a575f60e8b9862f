-- For deployments of before these signatures were replaced: a function that answers while the database is
-- upgraded under it (CHANGELOG.md, "Upgrading"), and a schedule of `select maintain()`. Nothing else calls
-- what is here. Once no such deployment is to be upgraded any more, this file goes, and with it the member
-- may_lack_key of public.admission, which the gateway of now always says.

-- Those gateways do not say what a call may cost, or all that may run, and know no refusal by a limit but
-- that of access. The members are named, so that the type can get more of them.
create function public.admit_request(
  p_request_id uuid,
  p_did text,
  p_method text,
  p_endpoint text,
  p_metered boolean,
  p_model text default null,
  p_streaming boolean default false,
  p_message_hash text default null,
  p_message_expires_at timestamptz default null,
  p_token_issued_at timestamptz default null,
  p_owned_generation text default null,
  p_idempotency_key text default null,
  p_body_hash text default null,
  p_owned_generations text[] default '{}',
  p_shared_features text[] default '{}',
  p_may_lack_key boolean default false
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_answer jsonb := public.enter_admission(
    jsonb_populate_record(null::public.admission, jsonb_build_object(
      'request_id', p_request_id,
      'did', p_did,
      'method', p_method,
      'endpoint', p_endpoint,
      'metered', p_metered,
      'model', p_model,
      'streaming', p_streaming,
      'message_hash', p_message_hash,
      'message_expires_at', p_message_expires_at,
      'token_issued_at', p_token_issued_at,
      'owned_generations', case when p_owned_generation is null then p_owned_generations
        else p_owned_generations || p_owned_generation end,
      'shared_features', p_shared_features,
      'server_tools', '[]'::jsonb,
      'may_lack_key', p_may_lack_key,
      'idempotency_key', p_idempotency_key,
      'body_hash', p_body_hash,
      'models', array[p_model],
      'runs_unnamed', 'the gateway does not tell',
      'free_model', p_model like '%:free'
    )),
    now()
  );
begin
  if v_answer ->> 'decision' in ('model_not_allowed', 'rate_limited', 'budget_exceeded') then
    return '{"decision": "access_denied"}';
  end if;
  return v_answer;
end;
$$;
comment on function public.admit_request(uuid, text, text, text, boolean, text, boolean, text, timestamptz, timestamptz, text, text, text, text[], text[], boolean) is
  'Decides on one authenticated request, and books it when it may cost.';

create function public.settle_request(
  p_request_id uuid,
  p_request_time timestamptz,
  p_status text,
  p_http_status integer default null,
  p_error_message text default null,
  p_model text default null,
  p_provider text default null,
  p_generation_id text default null,
  p_input_tokens bigint default null,
  p_output_tokens bigint default null,
  p_cached_tokens bigint default null,
  p_reasoning_tokens bigint default null,
  p_cost text default null,
  p_upstream_cost text default null,
  p_usd_per_credit text default '1',
  p_cost_source text default null,
  p_first_byte_ms integer default null,
  p_never_sent boolean default false,
  p_native_finish_reason text default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return public.settle_request(jsonb_build_object(
    'request_id', p_request_id,
    'request_time', p_request_time,
    'status', p_status,
    'http_status', p_http_status,
    'error_message', p_error_message,
    'given_up', p_status = 'failed' and p_error_message like 'worker\_%',
    'model', p_model,
    'provider', p_provider,
    'generation_id', p_generation_id,
    'native_finish_reason', p_native_finish_reason,
    'input_tokens', p_input_tokens,
    'output_tokens', p_output_tokens,
    'cached_tokens', p_cached_tokens,
    'reasoning_tokens', p_reasoning_tokens,
    'cost', p_cost,
    'upstream_cost', p_upstream_cost,
    'usd_per_credit', p_usd_per_credit,
    'cost_source', p_cost_source,
    'first_byte_ms', p_first_byte_ms,
    'may_be_repeated', p_http_status >= 400 or p_never_sent
  ));
end;
$$;
comment on function public.settle_request(uuid, timestamptz, text, integer, text, text, text, text, bigint, bigint, bigint, bigint, text, text, text, text, integer, boolean, text) is
  'settle_request as gateways of before call it.';

create function public.book_late_cost(
  p_did text,
  p_generation_id text,
  p_cost text,
  p_upstream_cost text default null,
  p_usd_per_credit text default '1'
)
returns boolean
language sql
set search_path = ''
as $$
  select public.book_cost(jsonb_build_object(
    'did', p_did, 'generation_id', p_generation_id, 'cost', p_cost,
    'upstream_cost', p_upstream_cost, 'usd_per_credit', p_usd_per_credit, 'cost_source', 'response'
  ));
$$;
comment on function public.book_late_cost is 'book_cost as gateways of before call it, for jobs.';

-- All housekeeping in one call, for schedules of before, each call of which is one transaction: when a
-- partition was made or dropped, that is all, because it locks the log until the transaction ends.
-- Better are schedule_housekeeping and `deno task maintain`, which take a transaction for each job.
create function public.maintain()
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_partitions jsonb := public.maintain_request_log_partitions();
begin
  if v_partitions -> 'created' <> '[]' or v_partitions -> 'dropped' <> '[]' then
    return jsonb_build_object('partitions', v_partitions);
  end if;
  return jsonb_build_object(
    'purged_messages', public.purge_accepted_messages(),
    'purged_idempotency_keys', public.purge_idempotency_keys(),
    'purged_requests', public.purge_request_logs(),
    'purged_hours', public.purge_usage_hourly(),
    'days_added_up', public.add_up_days(),
    'expired_requests', public.expire_stale_requests(),
    'partitions', v_partitions
  );
end;
$$;
comment on function public.maintain is
  'All housekeeping in one transaction, for schedules of before.';
