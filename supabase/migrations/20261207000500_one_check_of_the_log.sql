-- What a row of the log may hold is checked by one function. Postgres reads and plans a check anew for each
-- statement that writes: the expressions of six were a tenth of its work for an admission, and for a settlement.

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

revoke all on function public.log_row_makes_sense from public, anon, authenticated;
grant execute on function public.log_row_makes_sense to service_role;

-- Not valid, because what was booked stays booked, and so that no row has to be looked at.
alter table public.request_logs
  drop constraint request_logs_status_check,
  drop constraint request_logs_cost_source_check,
  drop constraint request_logs_ended_has_response_time,
  drop constraint request_logs_costs_make_sense,
  drop constraint request_logs_tokens_make_sense,
  drop constraint request_logs_session_and_label_are_short,
  add constraint request_logs_make_sense check (
    public.log_row_makes_sense(
      status, response_time, cost_source, total_cost, upstream_cost, input_tokens, output_tokens,
      cached_tokens, reasoning_tokens, session, label
    )
  ) not valid;
comment on constraint request_logs_make_sense on public.request_logs is
  'A settlement that holds what makes no sense is entered without it.';
