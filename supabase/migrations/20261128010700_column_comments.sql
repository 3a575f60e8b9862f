-- What every column is, so that \d+ and Studio explain the product. A column that means the same wherever
-- it is has its comment once, below.

comment on column public.accepted_messages.message_hash is 'SHA-256 of the signed message.';
comment on column public.accepted_messages.expires_at is 'When its timestamp is refused anyway.';
comment on column public.budget_alerts.id is 'Names the alert to the webhook, which may get it more than once.';
comment on column public.budget_alerts.reached_at is 'When the threshold was reached.';
comment on column public.cost_drift_latest.since is 'When this difference was first seen.';
comment on column public.cost_drift_latest.checked_at is 'When it was last seen.';
comment on column public.cost_drift_latest.openrouter_usd is 'What OpenRouter had charged the DID''s keys then.';
comment on column public.cost_drift_latest.booked_usd is 'The sum of total_cost over the DID''s usage_daily then.';
comment on column public.cost_drift_latest.drift_usd is 'Positive: OpenRouter has charged what the books lack. 0: equal.';
comment on column public.cost_drift_latest.openrouter_byok_usd is 'What OpenRouter says that the owners'' own provider keys were charged; null: not known.';
comment on column public.cost_drift_latest.booked_byok_usd is 'The sum of upstream_cost over the DID''s usage_daily.';
comment on column public.cost_drift_latest.byok_drift_usd is 'As drift_usd; null: not known.';
comment on column public.cost_drift_latest.stands_since is 'Since when the sums have differed at each check, by whatever amount; null: they are equal.';
comment on column public.cost_drift_latest.counts is 'Whether that has been so for an hour: a younger difference means nothing yet.';
comment on column public.did_policies.updated_at is 'When it was last set.';
comment on column public.found_generations.generation_id is 'OpenRouter''s id of it.';
comment on column public.found_generations.found_at is 'When it was found.';
comment on column public.idempotency_keys.idempotency_key is 'As the client sent it.';
comment on column public.idempotency_keys.body_hash is 'SHA-256 of the path and the body.';
comment on column public.idempotency_keys.request_id is 'The request that had them first.';
comment on column public.key_provisioning.attempt_id is 'Made up by the attempt that holds the lease.';
comment on column public.key_provisioning.expires_at is 'When another attempt may take it.';
comment on column public.request_logs.request_time is 'When it was admitted.';
comment on column public.request_logs.response_time is 'When it ended; null: it has not.';
comment on column public.request_logs.status is '''pending'' until it ends, then ''completed'' or ''failed''.';
comment on column public.request_logs.http_status is 'Of OpenRouter''s answer; null: there was none.';
comment on column public.request_logs.error_message is 'Why it failed; null: it did not.';
comment on column public.request_logs.model is 'The model that answered; until then the one asked for, where OpenRouter lists it.';
comment on column public.request_logs.provider is 'Who ran the model.';
comment on column public.request_logs.method is 'The HTTP method.';
comment on column public.request_logs.endpoint is 'OpenRouter''s path, without its query, in the spelling of docs/protocol.md.';
comment on column public.request_logs.streaming is 'Whether a stream was asked for.';
comment on column public.request_logs.input_tokens is 'Tokens that went in, cached ones too; null: not known.';
comment on column public.request_logs.output_tokens is 'Tokens that came out, reasoning too; null: not known.';
comment on column public.retired_api_keys.credit_limit is 'The credit_limit of the account then.';
comment on column public.retired_api_keys.created_at is 'When the key was made.';
comment on column public.retired_api_keys.retired_at is 'When another one took its place.';
comment on column public.user_api_keys.status is '''active'', or ''disabled'': every call is refused.';
comment on column public.user_api_keys.applied_credit_limit_reset is 'When OpenRouter resets applied_credit_limit, as it was last told.';
comment on column public.user_api_keys.created_at is 'When the key was made.';
comment on column public.user_api_keys.updated_at is 'When the gateway last changed the row.';
comment on column public.usage_daily.day is 'The UTC day of request_time.';
comment on column public.usage_by_did_session.session is 'What the client calls the session.';
comment on column public.usage_by_did_label.label is 'What the client sent as x-label.';
comment on column public.usage_by_did.first_day is 'The first UTC day with requests.';
comment on column public.usage_by_did.last_day is 'The last UTC day with requests.';
comment on column public.usage_latency.requests is 'Those that completed, and whose times are known.';
comment on column public.accounts.access is '''allowed''; ''blocked''; ''not_allowed'': the gateway has an allowlist, which the DID is not on.';
comment on column public.accounts.created_at is 'When the DID got its first key.';
comment on column public.accounts.last_request_at is 'When its last request was admitted, as far as the log is kept.';
comment on column public.accounts.total_cost is 'USD, of all time, exactly.';
comment on column public.accounts.requests is 'Requests that have ended, of all time.';
comment on column public.accounts.daily_budget_usd is 'USD it may spend in a UTC day; null: no limit.';
comment on column public.accounts.monthly_budget_usd is 'USD it may spend in a UTC month; null: no limit.';
comment on column public.accounts.requests_per_minute is 'Calls it may make in a minute; null: no limit.';
comment on column public.accounts.requests_under_way is 'Calls that have not ended.';
comment on column public.accounts.allowed_models is 'Models it may name; null: all.';
comment on column public.new_dids.created_at is 'When the DID got its key.';
comment on column public.usage_against_budgets.did is 'A DID, or ''*'' for all of them together.';
comment on column public.usage_against_budgets.period is '''day'' or ''month'', in UTC.';
comment on column public.usage_against_budgets.limit_usd is 'The budget; null: none.';
comment on column public.usage_against_budgets.spent_usd is 'USD spent in the running period.';
comment on column public.usage_against_budgets.reserved_usd is 'USD held for calls whose cost is not known yet.';
comment on column public.usage_against_budgets.remaining_usd is 'USD left; null: no limit.';
comment on column public.usage_against_budgets.used_percent is 'Spent and reserved, in percent of the budget.';
comment on column public.usage_against_budgets.resets_at is 'When the period ends.';

do $$
declare
  v_column record;
begin
  for v_column in
    select class.relname as relation, attribute.attname as name, meaning.comment
    from pg_catalog.pg_class as class
    join pg_catalog.pg_attribute as attribute
      on attribute.attrelid = class.oid and attribute.attnum > 0 and not attribute.attisdropped
    join (values
      ('did', 'Whose it is.'),
      ('id', 'Names the row; of a request, the x-request-id of its answer.'),
      ('only_row', 'There is one row.'),
      ('created_at', 'When the row was made.'),
      ('openrouter_key_hash', 'OpenRouter''s identifier of the key: lower-case SHA-256 hex of it.'),
      ('key_name', 'What the key is called at OpenRouter.'),
      ('key_status', '''active'', or ''disabled'': every call is refused.'),
      ('day', 'The UTC day of request_time.'),
      ('hour', 'When the hour of request_time begins.'),
      ('model', 'The model that answered, else the one asked for; in sums ''unknown'', where neither is known or OpenRouter refused the call as a mistake.'),
      ('endpoint', 'OpenRouter''s path.'),
      ('requests', 'Requests that have ended.'),
      ('failed_requests', 'Those of them that failed.'),
      ('requests_without_cost', 'Those of them whose cost is not known; total_cost lacks them.'),
      ('input_tokens', 'Tokens that went in.'),
      ('output_tokens', 'Tokens that came out.'),
      ('cached_tokens', 'Part of input_tokens.'),
      ('reasoning_tokens', 'Part of output_tokens.'),
      ('total_cost', 'USD, exactly.'),
      ('upstream_cost', 'USD that providers charged the owners of BYOK keys; not part of total_cost.'),
      ('first_request_at', 'When the first of them was admitted.'),
      ('last_request_at', 'When the last of them was admitted.'),
      ('first_day', 'The first UTC day with requests; null: there was none.'),
      ('last_day', 'The last UTC day with requests; null: there was none.'),
      ('first_byte_p50_ms', 'Half of them had their first byte within so many milliseconds.'),
      ('first_byte_p95_ms', '95 % of them had.'),
      ('first_byte_p99_ms', '99 % of them had.'),
      ('duration_p50_ms', 'Half of them had ended within so many milliseconds.'),
      ('duration_p95_ms', '95 % of them had.'),
      ('duration_p99_ms', '99 % of them had.'),
      ('request_time', 'When it was admitted.'),
      ('status', '''completed'' or ''failed''.'),
      ('http_status', 'Of OpenRouter''s answer; null: there was none.'),
      ('error_message', 'Why it failed; null: it did not.'),
      ('generation_id', 'OpenRouter''s id of what it made, which tells the cost; null: none is known.'),
      ('session', 'What the client calls the session; null: it did not say.'),
      ('label', 'What the client sent as x-label; null: nothing.'),
      ('reserved_usd', 'USD that budgets hold for it.'),
      ('cost_asks', 'How often maintenance has asked OpenRouter what it cost.'),
      ('cost_ask_after', 'When it may ask again; null: it has not asked yet.'),
      ('day_spent_usd', 'USD spent in the running UTC day.'),
      ('day_reserved_usd', 'USD held in the running UTC day for calls whose cost is not known yet.'),
      ('month_spent_usd', 'USD spent in the running UTC month.'),
      ('month_reserved_usd', 'USD held in the running UTC month for calls whose cost is not known yet.')
    ) as meaning (name, comment) on meaning.name = attribute.attname
    where class.relnamespace = 'public'::regnamespace and class.relkind in ('r', 'p', 'v')
      and col_description(class.oid, attribute.attnum) is null
  loop
    execute format(
      'comment on column public.%I.%I is %L', v_column.relation, v_column.name, v_column.comment
    );
  end loop;
end;
$$;
