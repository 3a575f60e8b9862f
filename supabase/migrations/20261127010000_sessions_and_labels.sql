-- What a request belongs to, in the client's own words: the session of a coding agent, and a label, such
-- as a job or a customer. Both stand in the log, so that what they cost can be added up.

-- What gateways of before call. They do not say what a call may cost, or all that may run, and know no
-- refusal by a limit but that of access. The members are named, so that the type can get more of them.
create or replace function public.admit_request(
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

alter type public.admission add attribute session text, add attribute label text;

alter table public.request_logs
  add column session text,
  add column label text,
  add constraint request_logs_session_and_label_are_short check (
    greatest(length(session), length(label)) <= 128
  ) not valid;
comment on column public.request_logs.session is 'What the client calls the session that the request belongs to: session_id of the body, else x-session-id, else x-claude-code-session-id; null: it did not say.';
comment on column public.request_logs.label is 'What the client sent as x-label: a job, a customer; null: nothing.';
comment on constraint request_logs_session_and_label_are_short on public.request_logs is 'The gateway refuses longer ones before.';

-- What did this session, or what is labelled so, cost? However much else the DID has asked for.
create index request_logs_did_session on public.request_logs (did, session, request_time desc)
  where session is not null;
create index request_logs_did_label on public.request_logs (did, label, request_time desc)
  where label is not null;
