/**
 * The Data API of a database that runs already, in a process of its own, which the soak kills.
 *
 * Environment: DATA_FOLDER (stack/data_folder.ts) and DATABASE_URL, of the role authenticator; PORT.
 */
import { join } from "node:path";
import { createDataApi } from "../stack/data_api.ts";
import { legacySecretKey, publicKeyOf } from "../stack/data_api/verify_jwt.ts";
import { runUntilSignalled } from "../stack/lifetime.ts";
import { portFromEnv, serveHttp } from "../stack/ports.ts";
import { loadOrCreateSecrets } from "../stack/secrets.ts";

await runUntilSignalled(async () => {
  const secrets = await loadOrCreateSecrets(join(Deno.env.get("DATA_FOLDER")!, "secrets.json"));
  const { jwtSecret, jwtKey } = secrets;
  const dataApi = createDataApi(Deno.env.get("DATABASE_URL")!, {
    ...secrets,
    verificationKeys: [legacySecretKey(jwtSecret), publicKeyOf(jwtKey)],
  });
  const closing = new AbortController();
  serveHttp(portFromEnv("PORT", 0), "PORT", closing.signal, (request) => dataApi.fetch(request));
  console.log("ready");
  return {
    stop() {
      closing.abort();
      return Promise.resolve();
    },
  };
});
