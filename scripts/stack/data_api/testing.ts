/** What the tests of the Data API call, and how they count its round trips. */
import { LOOPBACK } from "../ports.ts";

/** The `sub` of a user whose DID is `did:a`. */
export const SUB = "6f1d4e3a-0c55-4d0e-9df0-0b8f0a9f7b11";

/** What the tests call; the Data API reads the schema at its first request, which comes later. */
export const OBJECTS = `
  create table public.ledger (did text primary key, cost numeric, tags text[], at timestamptz);
  insert into public.ledger values
    ('did:a', 1.50, '{x,y}', '2026-11-22T10:30:00.5Z'), ('did:b', 2, null, null);
  alter table public.ledger enable row level security;
  create policy own on public.ledger for select to authenticated
    using (did = (select auth.jwt()) ->> 'did' and (select auth.uid()) = '${SUB}');
  revoke all on public.ledger from anon, authenticated;
  grant select on public.ledger to authenticated;
  grant select, insert on public.ledger to service_role;

  create view public.amounts as
    select * from (values (1, 12345678901234567890.10), (2, 0.5), (3, 1e-7), (4, 'NaN'::numeric)) as amount (id, usd);
  revoke all on public.amounts from anon, authenticated;
  grant select on public.amounts to service_role;

  create function public.settings() returns jsonb language sql stable set search_path = '' as $$
    select pg_catalog.jsonb_build_object(
      'role', current_user,
      'claims', current_setting('request.jwt.claims')::jsonb,
      'method', current_setting('request.method'),
      'path', current_setting('request.path'),
      'headers', current_setting('request.headers')::jsonb,
      'cookies', current_setting('request.cookies')::jsonb,
      'timeout', current_setting('statement_timeout'),
      'read_only', current_setting('transaction_read_only'))
  $$;
  create function public.kind_of(p_json jsonb) returns text language sql as
    'select pg_catalog.jsonb_typeof(p_json)';
  create function public.described(p_at timestamptz, p_ids text[], p_of numeric default 1.10)
    returns text language sql as $$ select concat_ws(' ', p_at at time zone 'UTC', p_ids[2], p_of) $$;
  create function public.overloaded(p_a int) returns text language sql as $$ select 'a' $$;
  create function public.overloaded(p_a int, p_b int) returns text language sql as $$ select 'ab' $$;
  create function public.nothing() returns void language sql as '';
  create function public.null_text() returns text language sql as 'select null::text';
  create function public.exact() returns numeric language sql as 'select 12345678901234567890.10';
  create function public.numbers(p_to int) returns setof int language sql as
    'select generate_series(1, p_to)';
  create function public.entries() returns setof public.ledger language sql as
    'select * from public.ledger order by did';
  create function public.pairs() returns table (n int, word text) language sql as
    $$ values (1, 'one'), (2, 'two') $$;
  create function public.halves(p_n int, out half int, out rest int) language sql as
    'select p_n / 2, p_n % 2';
  create function public.write(p_did text, p_fail boolean) returns text language plpgsql as $$
    begin
      insert into public.ledger (did) values (p_did);
      if p_fail then raise 'not % now', p_did using detail = 'why', hint = 'later'; end if;
      return p_did;
    end $$;
  create function public.claims_to_read() returns text language sql stable as
    $$ select public.write('did:c', false) $$;
  create function public.raises(p_state text) returns void language plpgsql as $$
    begin raise exception using errcode = p_state, message = 'so'; end $$;
  create function public.raises_answer() returns void language plpgsql as $$
    begin
      raise sqlstate 'PGRST' using
        message = '{"code": "x", "message": "m", "details": "d"}',
        detail = '{"status": 402, "headers": {"x-a": "b"}}';
    end $$;
  create function public.answers() returns int language plpgsql as $$
    begin
      perform set_config('response.status', '202', true);
      perform set_config('response.headers', '[{"x-a": "b"}]', true);
      return 7;
    end $$;
  create function public.waits() returns int language sql as
    'select 1 from pg_advisory_xact_lock_shared(1)';
  create function public.secret() returns int language sql as 'select 1';
  revoke execute on function public.secret() from public, anon, authenticated;
  grant execute on function public.secret() to service_role;`;

/** A line to a database that counts how often its client waits for an answer. */
export function countingLine(databaseUrl: string) {
  const listener = Deno.listen({ hostname: LOOPBACK, port: 0 });
  let roundTrips = 0;
  const joined: Promise<unknown>[] = [];
  async function join(client: Deno.Conn) {
    const port = Number(new URL(databaseUrl).port);
    const server = await Deno.connect({ hostname: LOOPBACK, port });
    let isAsking = false;
    const asking = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        if (!isAsking) roundTrips++;
        isAsking = true;
        controller.enqueue(chunk);
      },
    });
    const answering = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        isAsking = false;
        controller.enqueue(chunk);
      },
    });
    await Promise.allSettled([
      client.readable.pipeThrough(asking).pipeTo(server.writable),
      server.readable.pipeThrough(answering).pipeTo(client.writable),
    ]);
  }
  const accepting = (async () => {
    for await (const client of listener) joined.push(join(client));
  })();
  return {
    port: listener.addr.port,
    /** How many there were meanwhile. */
    async during(use: () => Promise<unknown>): Promise<number> {
      const before = roundTrips;
      await use();
      return roundTrips - before;
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      await Promise.all(joined);
    },
  };
}
