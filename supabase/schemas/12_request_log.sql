-- The log: one row per metered request, partitioned by the month of request_time.
--
-- A row is pending before a byte goes to OpenRouter, and ends as completed or failed, whatever crashes.
-- Settlement alone ends it (44_settlement.sql); what is learnt later is entered once. Money is
-- unconstrained `numeric` in US dollars, because OpenRouter charges down to 1e-10 and below.
--
-- Months are made ahead, and dropped after the retention of gateway_settings, by
-- maintain_request_log_partitions (72_partitions.sql).

-- Partitions live outside the schemas that the Data API exposes.
create schema partitions;

create function public.log_row_makes_sense(
  p_status text,
  p_response_time timestamptz,
  p_cost_source text,
  p_total_cost numeric,
  p_upstream_cost numeric,
  p_input_tokens bigint,
  p_output_tokens bigint,
  p_cached_tokens bigint,
  p_reasoning_tokens bigint,
  p_session text,
  p_label text
)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  -- What is null makes neither sense nor nonsense.
  return p_status in ('pending', 'completed', 'failed')
    and (p_status = 'pending') = (p_response_time is null)
    and p_cost_source in ('response', 'generation', 'reconciliation')
    -- No price reaches a billion dollars, and none goes below nothing; NaN is greater than any number.
    and least(p_total_cost, p_upstream_cost) >= 0 and greatest(p_total_cost, p_upstream_cost) <= 1e9
    and greatest(scale(p_total_cost), scale(p_upstream_cost)) <= 100
    -- Far above what a model can read, and low enough that no number of requests overflows a total.
    and least(p_input_tokens, p_output_tokens, p_cached_tokens, p_reasoning_tokens) >= 0
    and greatest(p_input_tokens, p_output_tokens, p_cached_tokens, p_reasoning_tokens) <= 1000000000000
    -- The gateway refuses longer ones before.
    and greatest(length(p_session), length(p_label)) <= 128;
end;
$$;
comment on function public.log_row_makes_sense is
  'Whether a row of request_logs may be as it is: false, or null for what is not known.';

create table public.request_logs (
  id uuid not null,
  did text not null,
  model text,
  input_tokens bigint,
  output_tokens bigint,
  total_cost numeric,
  request_time timestamptz not null default now(),
  response_time timestamptz,
  status text not null default 'pending',
  error_message text,
  created_at timestamptz not null default now(),
  method text not null,
  endpoint text not null,
  streaming boolean not null default false,
  http_status smallint,
  generation_id text,
  provider text,
  cached_tokens bigint,
  reasoning_tokens bigint,
  upstream_cost numeric,
  cost_source text,
  reserved_usd numeric not null default 0,
  first_byte_ms integer,
  native_finish_reason text,
  given_up boolean not null default false,
  cost_asks smallint not null default 0,
  cost_ask_after timestamptz,
  reserved_on date,
  estimate_usd numeric,
  session text,
  label text,
  primary key (id, request_time)
) partition by range (request_time);
-- Not valid: rows of before are not looked at, because what was booked stays booked. Postgres reads and plans
-- a check anew for each statement: as expressions, these were a tenth of an admission and of a settlement.
alter table public.request_logs add constraint request_logs_make_sense check (
  public.log_row_makes_sense(
    status, response_time, cost_source, total_cost, upstream_cost, input_tokens, output_tokens,
    cached_tokens, reasoning_tokens, session, label
  )
) not valid;
comment on table public.request_logs is
  'One row per metered request: pending when it is forwarded, then completed or failed; counted once, whatever is learnt later.';
comment on column public.request_logs.id is 'The x-request-id of the answer.';
comment on column public.request_logs.did is 'Whose it is.';
comment on column public.request_logs.model is
  'The model that answered; until then the one asked for, where OpenRouter lists it.';
comment on column public.request_logs.input_tokens is
  'Tokens that went in, cached ones too; null: not known.';
comment on column public.request_logs.output_tokens is
  'Tokens that came out, reasoning too; null: not known.';
comment on column public.request_logs.total_cost is
  'USD that OpenRouter charged; 0: nothing, as for what it refused; null: not known, or not yet.';
comment on column public.request_logs.request_time is 'When it was admitted.';
comment on column public.request_logs.response_time is 'When it ended; null: it has not.';
comment on column public.request_logs.status is
  '''pending'' until it ends, then ''completed'' or ''failed''.';
comment on column public.request_logs.error_message is 'Why it failed; null: it did not.';
comment on column public.request_logs.created_at is 'When the row was made.';
comment on column public.request_logs.method is 'The HTTP method.';
comment on column public.request_logs.endpoint is
  'OpenRouter''s path, without its query, in the spelling of docs/protocol.md.';
comment on column public.request_logs.streaming is 'Whether a stream was asked for.';
comment on column public.request_logs.http_status is
  'Of OpenRouter''s answer; null: there was none.';
comment on column public.request_logs.generation_id is
  'OpenRouter''s id of what it made, which tells the cost; null: none is known.';
comment on column public.request_logs.provider is 'Who ran the model.';
comment on column public.request_logs.cached_tokens is 'Part of input_tokens.';
comment on column public.request_logs.reasoning_tokens is 'Part of output_tokens.';
comment on column public.request_logs.upstream_cost is
  'USD that the provider charged the owner of a BYOK key; not part of total_cost.';
comment on column public.request_logs.cost_source is
  'Where total_cost was read: the answer, GET /generation, or the reconciler.';
comment on column public.request_logs.reserved_usd is
  'USD of estimate_usd that its budgets still hold for it: until its cost is known, or will not be soon.';
comment on column public.request_logs.first_byte_ms is
  'Milliseconds from the gateway''s receipt to the first byte of OpenRouter''s answer body.';
comment on column public.request_logs.native_finish_reason is
  'Why the model stopped, in its provider''s own word.';
comment on column public.request_logs.given_up is
  'Ended before its end was known, because its worker was about to go or seems lost: whoever knows the end settles it again.';
comment on column public.request_logs.cost_asks is
  'How often maintenance has claimed the row, to ask OpenRouter what it cost.';
comment on column public.request_logs.cost_ask_after is
  'When maintenance may claim it again; null: it was not claimed yet.';
comment on column public.request_logs.reserved_on is
  'The UTC day whose budgets reserved_usd and total_cost count in; null: that of request_time.';
comment on column public.request_logs.estimate_usd is
  'USD that the request was estimated to cost at most, and that were reserved for it.';
comment on column public.request_logs.session is
  'What the client calls the session that the request belongs to: session_id of the body, else x-session-id, else x-claude-code-session-id; null: it did not say.';
comment on column public.request_logs.label is
  'What the client sent as x-label: a job, a customer; null: nothing.';
comment on constraint request_logs_make_sense on public.request_logs is
  'A settlement that holds what makes no sense is entered without it.';

-- A new index goes to the end: those of partitions are numbered in this order, as migrations number them.
-- A DID's requests, the newest first; and whose generation is it?
create index request_logs_did_request_time on public.request_logs (did, request_time desc);
create index request_logs_did_generation on public.request_logs (did, generation_id)
  where generation_id is not null;
-- What sweeps and views look for.
create index request_logs_pending on public.request_logs (request_time) where status = 'pending';
create index request_logs_failed on public.request_logs (request_time desc) where status = 'failed';
-- Ended requests without a cost: all, those whose generation is known in the order in which OpenRouter is
-- asked for it, and those of one DID, which may have been billed or are still to be priced.
create index request_logs_without_cost on public.request_logs (request_time)
  where total_cost is null and status <> 'pending';
create index request_logs_unpriced on public.request_logs (cost_ask_after)
  where total_cost is null and status <> 'pending' and generation_id is not null;
create index request_logs_did_unknown_cost on public.request_logs (did, request_time)
  where total_cost is null and status <> 'pending';
-- Ended requests for which something is still reserved.
create index request_logs_reserved on public.request_logs (request_time)
  where reserved_usd <> 0 and status <> 'pending';
-- What did this session, or what is labelled so, cost? However much else the DID has asked for.
create index request_logs_did_session on public.request_logs (did, session, request_time desc)
  where session is not null;
create index request_logs_did_label on public.request_logs (did, label, request_time desc)
  where label is not null;
-- Failures of one DID, however many rows it has.
create index request_logs_did_failed on public.request_logs (did, request_time desc)
  where status = 'failed';

-- Catches rows of a month whose partition nobody made, so that no request is lost to it.
create table partitions.request_logs_default partition of public.request_logs default;
