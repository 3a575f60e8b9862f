-- Settlements that came together are entered together. Their rows are locked in the order of times and
-- ids, and then what 14_budgets.sql names: totals, budgets, '*'.

-- Ends those rows that are pending, each as its settlement says: what settle_request is for one, for those
-- that came while another call was under way.
--
-- p_settlements: a JSON array of what settle_request takes, as text.
--
-- Returns settle_request's answers, by request_id. Those that are missing must be sent alone: rows that are
-- not pending, or that several of these are of; or all, where Postgres refuses one of them for its data.
create function public.settle_requests(p_settlements text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_rows public.request_logs[];
  v_is_alerted boolean;
begin
  begin
    v_rows := public.end_rows(array(
      select told
      from (
        select told, count(*) over (partition by told.request_id) as of_row
        from jsonb_populate_recordset(null::public.settlement, p_settlements::jsonb) as told
      ) as counted
      where of_row = 1
    ));
  exception when data_exception or check_violation or program_limit_exceeded then
    return '{}';
  end;
  if v_rows is null then
    return '{}';
  end if;
  perform public.lock_usage(ended.did)
  from (select did from unnest(v_rows) group by did order by did) as ended;
  perform public.count_rows_in_usage(v_rows);
  v_is_alerted := public.change_budgets(
    array(select public.budget_change_at_end(log) from unnest(v_rows) as log)
  );
  return (
    select jsonb_object_agg(log.id, jsonb_build_object(
      'settled', true, 'total_cost', log.total_cost::text, 'left_out', null,
      -- To one of them, so that alerts are delivered once.
      'alerted', v_is_alerted and log.place = 1
    ))
    from (select row_number() over () as place, id, total_cost from unnest(v_rows)) as log
  );
end;
$$;
comment on function public.settle_requests is
  'Ends those rows that are pending, each as its settlement says; the others must be sent alone.';
