-- What the columns of views are, so that \d+ and Studio explain them. A column that means the same in every
-- view has its comment here, once; one that means something else has it beside its view.
do $$
declare
  v_column record;
begin
  for v_column in
    select class.relname as view, attribute.attname as name, meaning.comment
    from pg_catalog.pg_class as class
    join pg_catalog.pg_attribute as attribute on attribute.attrelid = class.oid
    join (values
      ('day', 'The UTC day of request_time.'),
      ('did', 'Whose it is.'),
      ('hour', 'When the hour of request_time begins.'),
      ('model', 'The model that answered, else the one asked for; in sums ''unknown'', where neither is known or OpenRouter refused the call as a mistake.'),
      ('request_time', 'When it was admitted.'),
      ('id', 'Names the row; of a request, the x-request-id of its answer.'),
      ('requests', 'Requests that have ended.'),
      ('endpoint', 'OpenRouter''s path.'),
      ('failed_requests', 'Those of them that failed.'),
      ('key_status', '''active'', or ''disabled'': every call is refused.'),
      ('input_tokens', 'Tokens that went in.'),
      ('output_tokens', 'Tokens that came out.'),
      ('cached_tokens', 'Part of input_tokens.'),
      ('http_status', 'Of OpenRouter''s answer; null: there was none.'),
      ('total_cost', 'USD, exactly.'),
      ('error_message', 'Why it failed; null: it did not.'),
      ('reasoning_tokens', 'Part of output_tokens.'),
      ('upstream_cost', 'USD that providers charged the owners of BYOK keys; not part of total_cost.'),
      ('requests_without_cost', 'Those of them whose cost is not known; total_cost lacks them.'),
      ('first_request_at', 'When the first of them was admitted.'),
      ('last_request_at', 'When the last of them was admitted.')
    ) as meaning (name, comment) on meaning.name = attribute.attname
    where class.relnamespace = 'public'::regnamespace and class.relkind = 'v'
      and col_description(class.oid, attribute.attnum) is null
  loop
    execute format(
      'comment on column public.%I.%I is %L', v_column.view, v_column.name, v_column.comment
    );
  end loop;
end;
$$;
