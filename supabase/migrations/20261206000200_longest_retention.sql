-- So many months that they lead out of the calendar ended each report of usage with an error. Not valid: a row
-- that is older than the rule stays as it is until it is written anew.
alter table public.gateway_settings
  add constraint gateway_settings_retention_makes_sense
    check (request_log_retention_months <= 1200) not valid;
comment on constraint gateway_settings_retention_makes_sense on public.gateway_settings is
  'A hundred years: no calendar has what many more would lead to. To keep all, it is null.';
