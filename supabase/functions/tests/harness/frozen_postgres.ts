/** A Postgres that takes connections and answers nothing. */
import type postgres from "postgres";

/**
 * Lets all processes of a server stand still. On Linux alone: their parent is found by proc(5).
 *
 * @param sql a connection to it, of a role that sees all of its processes
 * @returns what lets them go on
 */
export async function freezePostgres(sql: postgres.Sql): Promise<() => void> {
  const own = await sql`select pid from pg_stat_activity`;
  const backends = own.map(({ pid }) => pid as number);
  // The postmaster, whose child each of them is: nobody connects anew without it.
  const status = await Deno.readTextFile(`/proc/${backends[0]}/status`);
  const pids = [Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]), ...backends];
  const signal = (name: Deno.Signal) => {
    for (const pid of pids) {
      try {
        Deno.kill(pid, name);
      } catch (error) {
        // A backend may have ended meanwhile.
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  };
  signal("SIGSTOP");
  return () => signal("SIGCONT");
}
