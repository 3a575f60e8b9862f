/** What admissions and settlements take inside Postgres. */
import type postgres from "postgres";

/** In microseconds, without the commit. */
export interface OwnTime {
  what: "admit" | "settle";
  p50: number;
  p99: number;
}

/**
 * Admits and settles calls one by one, with every limit on, and clocks each.
 *
 * @param anyDid an SQL expression that chooses a DID that has an account
 */
export async function ownTimes(
  sql: postgres.Sql,
  anyDid: string,
  calls: number,
): Promise<OwnTime[]> {
  const one = await sql.reserve();
  try {
    await one`create temporary table times (what text, us double precision)`;
    await one.unsafe(`
      do $$
      declare
        v_began timestamptz;
        v_asked jsonb;
        v_answer jsonb;
      begin
        for i in 1..${calls} loop
          v_asked := jsonb_build_object(
            'request_id', gen_random_uuid(),
            'did', ${anyDid}, 'method', 'POST',
            'endpoint', '/chat/completions', 'metered', true, 'model', 'openai/gpt-4o-mini',
            'message_hash', encode(sha256(random()::text::bytea), 'hex'),
            'message_expires_at', now() + interval '6 minutes', 'shared_features', '[]'::jsonb,
            'server_tools', '["web_search"]'::jsonb, 'models', '["openai/gpt-4o-mini"]'::jsonb,
            'estimate', '[{"usd": "0.0001"}]'::jsonb
          );
          v_began := clock_timestamp();
          v_answer := public.admit_request(v_asked);
          insert into times values
            ('admit', extract(epoch from clock_timestamp() - v_began) * 1e6);
          if v_answer ->> 'decision' <> 'admitted' then raise exception '%', v_answer; end if;
          commit;
          v_asked := jsonb_build_object(
            'request_id', v_asked ->> 'request_id', 'request_time', v_answer ->> 'request_time',
            'status', 'completed', 'http_status', 200, 'model', 'openai/gpt-4o-mini',
            'generation_id', 'gen-' || i, 'input_tokens', 10, 'output_tokens', 10, 'cost', '0.00005',
            'cost_source', 'response'
          );
          v_began := clock_timestamp();
          v_answer := public.settle_request(v_asked);
          insert into times values
            ('settle', extract(epoch from clock_timestamp() - v_began) * 1e6);
          if not (v_answer ->> 'settled')::boolean then raise exception '%', v_answer; end if;
          commit;
        end loop;
      end $$`);
    return await one<OwnTime[]>`
      select what, round(percentile_cont(0.5) within group (order by us)::numeric)::int as p50,
        round(percentile_cont(0.99) within group (order by us)::numeric)::int as p99
      from times group by what order by what`;
  } finally {
    await one`drop table if exists times`;
    one.release();
  }
}
