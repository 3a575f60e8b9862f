-- Limits are numbers.

alter table public.gateway_settings
  add constraint gateway_settings_credit_limit_is_finite
    check (default_credit_limit < 'Infinity') not valid;
alter table public.user_api_keys
  add constraint user_api_keys_credit_limit_is_finite check (credit_limit < 'Infinity') not valid;
comment on constraint gateway_settings_credit_limit_is_finite on public.gateway_settings is
  'OpenRouter takes neither NaN nor infinity for a limit; without one, it is null.';
comment on constraint user_api_keys_credit_limit_is_finite on public.user_api_keys is
  'OpenRouter takes neither NaN nor infinity for a limit; without one, it is null.';
