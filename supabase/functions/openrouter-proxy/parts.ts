/**
 * The parts that a gateway is joined of, each given what it needs by name.
 */
import { createAccounts } from "./accounts/accounts.ts";
import { createEncryptionKeys } from "./accounts/encryption_keys_route.ts";
import { createKeyVault } from "./accounts/key_vault.ts";
import { createPseudonyms } from "./accounts/pseudonym.ts";
import { createRevokedTokens, type RevokedTokens } from "./accounts/revoked_tokens.ts";
import { createAuthenticator } from "./auth/authenticate.ts";
import { type AlertDelivery, createAlertDelivery } from "./books/alerts/delivery.ts";
import { type Bookkeeper, createBookkeeper } from "./books/booking.ts";
import { createGenerationReader } from "./books/generation_reader.ts";
import { assembleMaintenance } from "./books/maintenance/assemble.ts";
import { createMaintenanceRoute } from "./books/maintenance/route.ts";
import { createSweep } from "./books/maintenance/sweep.ts";
import { createIdentify } from "./call/identify.ts";
import { createProxy } from "./call/proxied_call.ts";
import type { Config } from "./config/config.ts";
import { createHealth } from "./health/health_route.ts";
import { bodiesUnderWay } from "./http/bodies/bodies_under_way.ts";
import { bodyLimits } from "./http/bodies/body_limits.ts";
import { createRequireOperator } from "./http/operator.ts";
import { createRates, type Rates } from "./http/rates.ts";
import type { Log } from "./log/log.ts";
import { createManagement } from "./openrouter/management.ts";
import { createKeyCheck } from "./openrouter/management_key.ts";
import { createCatalogue } from "./policy/catalogue.ts";
import type { Settled } from "./store/settlement.ts";
import type { Store } from "./store/store.ts";
import { createTokenSigner } from "./usage/supabase_token.ts";

export interface GatewayDeps {
  config: Config;
  store: Store;
  fetch: typeof globalThis.fetch;
  /** Milliseconds since the epoch. */
  now: () => number;
  sleep: (ms: number) => Promise<void>;
  /** Keeps the isolate alive until the promise is settled. */
  waitUntil: (promise: Promise<unknown>) => void;
  log: Log;
}

const elapsedMs = () => performance.now();

/** Makes the parts; nothing is asked of anybody until a request comes. */
export function createParts(deps: GatewayDeps) {
  const { config, store, fetch, now, sleep, waitUntil, log } = deps;
  const { openrouterUrl, managementKey, usdPerCredit, guardrailId, jwtKey } = config;
  const { encryptionKey, previousEncryptionKey } = config;
  const { alertWebhookUrl: url, alertWebhookSecret: secret } = config;
  const alerts = createAlertDelivery({ store, fetch, url, secret, waitUntil, log });
  const vault = createKeyVault(encryptionKey, previousEncryptionKey);
  const management = createManagement(
    openrouterUrl,
    managementKey,
    fetch,
    config.workspaceId,
    usdPerCredit,
  );
  const onAlert = alerts.soon;
  const bookkeeper = bookkeeping(deps, alerts);
  const { endedCallsOf } = bookkeeper;
  const accounts = createAccounts(
    { store, management, vault, guardrailId, endedCallsOf, now, sleep, onAlert, log },
  );
  const rates = createRates(config.readsPerMinute, now);
  const revokedTokens = createRevokedTokens(now);
  const identify = identifying(deps, rates, revokedTokens);
  const requireOperator = createRequireOperator(config.operatorKeys);
  return {
    identify,
    rates,
    revokedTokens,
    upToDate: bookkeeper.upToDate,
    /** Ends what is under way as it stands. */
    retire: bookkeeper.retire,
    proxy: createProxy({
      config,
      identify,
      accounts,
      catalogue: createCatalogue({ openrouterUrl, fetch, now, sleep, waitUntil, log }),
      pseudonymOf: createPseudonyms(encryptionKey, previousEncryptionKey),
      bookkeeper,
      fetch,
      now,
      elapsedMs,
      sleep,
      waitUntil,
    }),
    /** Null: there are no Supabase tokens. */
    signToken: jwtKey && createTokenSigner(jwtKey, config.audience, now),
    health: healthOf(deps),
    encryptionKeys: createEncryptionKeys(requireOperator, vault),
    maintenance: createMaintenanceRoute(
      requireOperator,
      assembleMaintenance({
        store,
        management,
        vault,
        openrouterUrl,
        managementKey,
        usdPerCredit,
        alerts,
        fetch,
        now,
        sleep,
        log,
      }),
      waitUntil,
    ),
  };
}

/** Who calls, and their body within bounds. */
function identifying(
  { config, fetch, now, sleep }: GatewayDeps,
  rates: Rates,
  revokedTokens: RevokedTokens,
) {
  const { audience, maxTokenLifetimeSeconds, maxWalletSessionSeconds, didWebHosts } = config;
  const authenticate = createAuthenticator({
    audience,
    maxTokenLifetimeSeconds,
    maxWalletSessionSeconds,
    didWebHosts,
    now,
    fetch,
  });
  const { maxRequestBytes } = config;
  const bodies = bodiesUnderWay(bodyLimits(maxRequestBytes), {
    now: elapsedMs,
    sleep,
  });
  return createIdentify(authenticate, maxRequestBytes, bodies, rates, revokedTokens);
}

/** The books, and what a settlement may bring about: an alert, and some of maintenance's work. */
function bookkeeping(
  { config, store, fetch, now, sleep, waitUntil, log }: GatewayDeps,
  alerts: AlertDelivery,
): Bookkeeper {
  const { openrouterUrl, managementKey, usdPerCredit } = config;
  const sweep = createSweep({ store, alerts, now, waitUntil });
  function noted(settled: Settled): Settled {
    if (settled.isAlerted) alerts.soon();
    sweep();
    return settled;
  }
  return createBookkeeper({
    store: {
      ...store,
      settle: (settlement) => store.settle(settlement).then(noted),
    },
    generations: createGenerationReader(openrouterUrl, managementKey, fetch, sleep),
    usdPerCredit,
    now,
    sleep,
    waitUntil,
    log,
  });
}

function healthOf({ config, store, fetch, now }: GatewayDeps) {
  const { openrouterUrl, managementKey, region } = config;
  return createHealth({
    store,
    keyState: createKeyCheck(openrouterUrl, managementKey, fetch, now),
    region,
    now,
    elapsedMs,
  });
}
