/**
 * Takes the limits away that a new gateway starts with, and opens every server tool that tests use:
 * tests of anything else must not run into them.
 */
export const WITHOUT_LIMITS = `
  select public.set_gateway_limits(
    allowed_server_tools => array(
      select distinct tool from unnest(allowed_server_tools || '{code_execution}'::text[]) as tool
      order by tool
    ),
    clear => array[
      'daily_budget_usd', 'monthly_budget_usd', 'requests_per_minute', 'default_daily_budget_usd',
      'default_monthly_budget_usd', 'default_requests_per_minute', 'default_concurrent_requests',
      'new_accounts_per_day', 'new_accounts_per_minute', 'free_models_per_minute',
      'free_models_per_day', 'default_free_models_per_day', 'refused_requests_per_minute'
    ]
  )
  from public.gateway_settings
`;
