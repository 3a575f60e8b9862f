/** What `alter role … set …` says of the roles that callers take. */
import type { Session } from "./connections.ts";
import type { RoleSettings } from "./settings.ts";

const ROLE_SETTINGS = `
  select r.rolname as role, s.setting
  from pg_catalog.pg_auth_members m
  join pg_catalog.pg_roles r on r.oid = m.roleid
  cross join lateral unnest(r.rolconfig) as s (setting)
  where m.member = current_user::pg_catalog.regrole`;

export async function readRoleSettings(session: Session): Promise<RoleSettings> {
  const rows = await session.unsafe(ROLE_SETTINGS) as unknown as {
    role: string;
    setting: string;
  }[];
  const byRole = Map.groupBy(rows, ({ role }) => role);
  return new Map(
    [...byRole].map(([role, rows]) => [
      role,
      rows.map(({ setting }) => {
        const equals = setting.indexOf("=");
        return [setting.slice(0, equals), setting.slice(equals + 1)];
      }),
    ]),
  );
}
