
export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[]

export type Database = {
  
  "public": {
          Tables: {
            "accepted_messages": {
                  Row: {
                    "expires_at": string,"message_hash": string
                  }
                  ComputedFields: never
                  Insert: {
                    "expires_at": string,"message_hash": string
                  }
                  Update: {
                    "expires_at"?: string,"message_hash"?: string
                  }
                  Relationships: [
                    
                  ]
                },"budget_alerts": {
                  Row: {
                    "attempt_after": string,"attempts": number,"delivered_at": string | null,"did": string,"id": string,"kind": string,"limit_value": number,"period_start": string,"reached": number,"reached_at": string,"threshold": number
                  }
                  ComputedFields: never
                  Insert: {
                    "attempt_after"?: string,"attempts"?: number,"delivered_at"?: string | null,"did": string,"id"?: string,"kind": string,"limit_value": number,"period_start": string,"reached": number,"reached_at"?: string,"threshold": number
                  }
                  Update: {
                    "attempt_after"?: string,"attempts"?: number,"delivered_at"?: string | null,"did"?: string,"id"?: string,"kind"?: string,"limit_value"?: number,"period_start"?: string,"reached"?: number,"reached_at"?: string,"threshold"?: number
                  }
                  Relationships: [
                    
                  ]
                },"budgets": {
                  Row: {
                    "day": string,"day_alerted": number,"day_free_requests": number,"day_new_accounts": number,"day_reserved_usd": number,"day_spent_usd": number,"did": string,"free_requests_used_until": string,"month": string,"month_alerted": number,"month_reserved_usd": number,"month_spent_usd": number,"new_accounts_alerted": number,"new_accounts_used_until": string,"refusals_used_until": string,"requests_under_way": number,"requests_used_until": string,"store_budget": undefined | null
                  }
                  ComputedFields: "store_budget"
                  Insert: {
                    "day": string,"day_alerted"?: number,"day_free_requests"?: number,"day_new_accounts"?: number,"day_reserved_usd"?: number,"day_spent_usd"?: number,"did": string,"free_requests_used_until"?: string,"month": string,"month_alerted"?: number,"month_reserved_usd"?: number,"month_spent_usd"?: number,"new_accounts_alerted"?: number,"new_accounts_used_until"?: string,"refusals_used_until"?: string,"requests_under_way"?: number,"requests_used_until"?: string
                  }
                  Update: {
                    "day"?: string,"day_alerted"?: number,"day_free_requests"?: number,"day_new_accounts"?: number,"day_reserved_usd"?: number,"day_spent_usd"?: number,"did"?: string,"free_requests_used_until"?: string,"month"?: string,"month_alerted"?: number,"month_reserved_usd"?: number,"month_spent_usd"?: number,"new_accounts_alerted"?: number,"new_accounts_used_until"?: string,"refusals_used_until"?: string,"requests_under_way"?: number,"requests_used_until"?: string
                  }
                  Relationships: [
                    
                  ]
                },"cost_checks": {
                  Row: {
                    "claimed_at": string,"did": string,"equal_at": string | null,"is_equal": boolean | null,"search_after": string | null,"searched_to": string | null,"searches": number,"surplus_byok_usd": number | null,"surplus_usd": number | null
                  }
                  ComputedFields: never
                  Insert: {
                    "claimed_at": string,"did": string,"equal_at"?: string | null,"is_equal"?: boolean | null,"search_after"?: string | null,"searched_to"?: string | null,"searches"?: number,"surplus_byok_usd"?: number | null,"surplus_usd"?: number | null
                  }
                  Update: {
                    "claimed_at"?: string,"did"?: string,"equal_at"?: string | null,"is_equal"?: boolean | null,"search_after"?: string | null,"searched_to"?: string | null,"searches"?: number,"surplus_byok_usd"?: number | null,"surplus_usd"?: number | null
                  }
                  Relationships: [
                    
                  ]
                },"cost_drift": {
                  Row: {
                    "booked_byok_usd": number,"booked_usd": number,"byok_drift_usd": number | null,"checked_at": string,"did": string,"drift_usd": number,"openrouter_byok_usd": number | null,"openrouter_usd": number,"since": string
                  }
                  ComputedFields: never
                  Insert: {
                    "booked_byok_usd": number,"booked_usd": number,"byok_drift_usd"?: number | null,"checked_at": string,"did": string,"drift_usd": number,"openrouter_byok_usd"?: number | null,"openrouter_usd": number,"since": string
                  }
                  Update: {
                    "booked_byok_usd"?: number,"booked_usd"?: number,"byok_drift_usd"?: number | null,"checked_at"?: string,"did"?: string,"drift_usd"?: number,"openrouter_byok_usd"?: number | null,"openrouter_usd"?: number,"since"?: string
                  }
                  Relationships: [
                    
                  ]
                },"did_policies": {
                  Row: {
                    "access": string | null,"allowed_models": (string)[] | null,"concurrent_requests": number | null,"created_at": string,"daily_budget_usd": number | null,"did": string,"free_models_per_day": number | null,"monthly_budget_usd": number | null,"requests_per_minute": number | null,"tokens_valid_after": string | null,"updated_at": string
                  }
                  ComputedFields: never
                  Insert: {
                    "access"?: string | null,"allowed_models"?: (string)[] | null,"concurrent_requests"?: number | null,"created_at"?: string,"daily_budget_usd"?: number | null,"did": string,"free_models_per_day"?: number | null,"monthly_budget_usd"?: number | null,"requests_per_minute"?: number | null,"tokens_valid_after"?: string | null,"updated_at"?: string
                  }
                  Update: {
                    "access"?: string | null,"allowed_models"?: (string)[] | null,"concurrent_requests"?: number | null,"created_at"?: string,"daily_budget_usd"?: number | null,"did"?: string,"free_models_per_day"?: number | null,"monthly_budget_usd"?: number | null,"requests_per_minute"?: number | null,"tokens_valid_after"?: string | null,"updated_at"?: string
                  }
                  Relationships: [
                    
                  ]
                },"found_generations": {
                  Row: {
                    "did": string,"found_at": string,"generation_id": string,"request_id": string | null
                  }
                  ComputedFields: never
                  Insert: {
                    "did": string,"found_at"?: string,"generation_id": string,"request_id"?: string | null
                  }
                  Update: {
                    "did"?: string,"found_at"?: string,"generation_id"?: string,"request_id"?: string | null
                  }
                  Relationships: [
                    
                  ]
                },"gateway_settings": {
                  Row: {
                    "access_mode": string,"allowed_server_tools": (string)[],"daily_budget_usd": number | null,"default_allowed_models": (string)[] | null,"default_concurrent_requests": number | null,"default_credit_limit": number | null,"default_credit_limit_reset": string | null,"default_daily_budget_usd": number | null,"default_free_models_per_day": number | null,"default_monthly_budget_usd": number | null,"default_requests_per_minute": number | null,"default_reserved_output_tokens": number,"free_models_per_day": number | null,"free_models_per_minute": number | null,"job_reserve_usd": number,"monthly_budget_usd": number | null,"new_accounts_per_day": number | null,"new_accounts_per_minute": number | null,"only_row": boolean,"refused_requests_per_minute": number | null,"request_log_dropped_before": string | null,"request_log_retention_months": number | null,"requests_per_minute": number | null,"shared_features": (string)[],"unknown_price_reserve_usd": number,"updated_at": string,"gateway_limits": Database["public"]['CompositeTypes']["limits"] | null
                  }
                  ComputedFields: "gateway_limits"
                  Insert: {
                    "access_mode"?: string,"allowed_server_tools"?: (string)[],"daily_budget_usd"?: number | null,"default_allowed_models"?: (string)[] | null,"default_concurrent_requests"?: number | null,"default_credit_limit"?: number | null,"default_credit_limit_reset"?: string | null,"default_daily_budget_usd"?: number | null,"default_free_models_per_day"?: number | null,"default_monthly_budget_usd"?: number | null,"default_requests_per_minute"?: number | null,"default_reserved_output_tokens"?: number,"free_models_per_day"?: number | null,"free_models_per_minute"?: number | null,"job_reserve_usd"?: number,"monthly_budget_usd"?: number | null,"new_accounts_per_day"?: number | null,"new_accounts_per_minute"?: number | null,"only_row"?: boolean,"refused_requests_per_minute"?: number | null,"request_log_dropped_before"?: string | null,"request_log_retention_months"?: number | null,"requests_per_minute"?: number | null,"shared_features"?: (string)[],"unknown_price_reserve_usd"?: number,"updated_at"?: string
                  }
                  Update: {
                    "access_mode"?: string,"allowed_server_tools"?: (string)[],"daily_budget_usd"?: number | null,"default_allowed_models"?: (string)[] | null,"default_concurrent_requests"?: number | null,"default_credit_limit"?: number | null,"default_credit_limit_reset"?: string | null,"default_daily_budget_usd"?: number | null,"default_free_models_per_day"?: number | null,"default_monthly_budget_usd"?: number | null,"default_requests_per_minute"?: number | null,"default_reserved_output_tokens"?: number,"free_models_per_day"?: number | null,"free_models_per_minute"?: number | null,"job_reserve_usd"?: number,"monthly_budget_usd"?: number | null,"new_accounts_per_day"?: number | null,"new_accounts_per_minute"?: number | null,"only_row"?: boolean,"refused_requests_per_minute"?: number | null,"request_log_dropped_before"?: string | null,"request_log_retention_months"?: number | null,"requests_per_minute"?: number | null,"shared_features"?: (string)[],"unknown_price_reserve_usd"?: number,"updated_at"?: string
                  }
                  Relationships: [
                    
                  ]
                },"idempotency_keys": {
                  Row: {
                    "body_hash": string,"created_at": string,"did": string,"idempotency_key": string,"request_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "body_hash": string,"created_at"?: string,"did": string,"idempotency_key": string,"request_id": string
                  }
                  Update: {
                    "body_hash"?: string,"created_at"?: string,"did"?: string,"idempotency_key"?: string,"request_id"?: string
                  }
                  Relationships: [
                    
                  ]
                },"key_provisioning": {
                  Row: {
                    "attempt_id": string,"counted_on": string | null,"did": string,"expires_at": string,"first_claimed_at": string
                  }
                  ComputedFields: never
                  Insert: {
                    "attempt_id": string,"counted_on"?: string | null,"did": string,"expires_at": string,"first_claimed_at"?: string
                  }
                  Update: {
                    "attempt_id"?: string,"counted_on"?: string | null,"did"?: string,"expires_at"?: string,"first_claimed_at"?: string
                  }
                  Relationships: [
                    
                  ]
                },"key_usages": {
                  Row: {
                    "byok_usage": number | null,"did": string,"gone_since": string | null,"is_final": boolean,"openrouter_key_hash": string,"read_at": string,"usage": number | null
                  }
                  ComputedFields: never
                  Insert: {
                    "byok_usage"?: number | null,"did": string,"gone_since"?: string | null,"is_final"?: boolean,"openrouter_key_hash": string,"read_at": string,"usage"?: number | null
                  }
                  Update: {
                    "byok_usage"?: number | null,"did"?: string,"gone_since"?: string | null,"is_final"?: boolean,"openrouter_key_hash"?: string,"read_at"?: string,"usage"?: number | null
                  }
                  Relationships: [
                    
                  ]
                },"maintenance_runs": {
                  Row: {
                    "expires_at": string,"only_row": boolean,"run_id": string,"started_at": string
                  }
                  ComputedFields: never
                  Insert: {
                    "expires_at": string,"only_row"?: boolean,"run_id": string,"started_at"?: string
                  }
                  Update: {
                    "expires_at"?: string,"only_row"?: boolean,"run_id"?: string,"started_at"?: string
                  }
                  Relationships: [
                    
                  ]
                },"request_logs": {
                  Row: {
                    "cached_tokens": number | null,"cost_ask_after": string | null,"cost_asks": number,"cost_source": string | null,"created_at": string,"did": string,"endpoint": string,"error_message": string | null,"estimate_usd": number | null,"first_byte_ms": number | null,"generation_id": string | null,"given_up": boolean,"http_status": number | null,"id": string,"input_tokens": number | null,"label": string | null,"method": string,"model": string | null,"native_finish_reason": string | null,"output_tokens": number | null,"provider": string | null,"reasoning_tokens": number | null,"request_time": string,"reserved_on": string | null,"reserved_usd": number,"response_time": string | null,"session": string | null,"status": string,"streaming": boolean,"total_cost": number | null,"upstream_cost": number | null,"budget_change_at_end": Database["public"]['CompositeTypes']["budget_change"] | null,"counted_model": string | null,"told_request": Json | null
                  }
                  ComputedFields: "budget_change_at_end" | "counted_model" | "told_request"
                  Insert: {
                    "cached_tokens"?: number | null,"cost_ask_after"?: string | null,"cost_asks"?: number,"cost_source"?: string | null,"created_at"?: string,"did": string,"endpoint": string,"error_message"?: string | null,"estimate_usd"?: number | null,"first_byte_ms"?: number | null,"generation_id"?: string | null,"given_up"?: boolean,"http_status"?: number | null,"id": string,"input_tokens"?: number | null,"label"?: string | null,"method": string,"model"?: string | null,"native_finish_reason"?: string | null,"output_tokens"?: number | null,"provider"?: string | null,"reasoning_tokens"?: number | null,"request_time"?: string,"reserved_on"?: string | null,"reserved_usd"?: number,"response_time"?: string | null,"session"?: string | null,"status"?: string,"streaming"?: boolean,"total_cost"?: number | null,"upstream_cost"?: number | null
                  }
                  Update: {
                    "cached_tokens"?: number | null,"cost_ask_after"?: string | null,"cost_asks"?: number,"cost_source"?: string | null,"created_at"?: string,"did"?: string,"endpoint"?: string,"error_message"?: string | null,"estimate_usd"?: number | null,"first_byte_ms"?: number | null,"generation_id"?: string | null,"given_up"?: boolean,"http_status"?: number | null,"id"?: string,"input_tokens"?: number | null,"label"?: string | null,"method"?: string,"model"?: string | null,"native_finish_reason"?: string | null,"output_tokens"?: number | null,"provider"?: string | null,"reasoning_tokens"?: number | null,"request_time"?: string,"reserved_on"?: string | null,"reserved_usd"?: number,"response_time"?: string | null,"session"?: string | null,"status"?: string,"streaming"?: boolean,"total_cost"?: number | null,"upstream_cost"?: number | null
                  }
                  Relationships: [
                    
                  ]
                },"retired_api_keys": {
                  Row: {
                    "created_at": string,"credit_limit": number | null,"did": string,"id": string,"key_name": string,"openrouter_key_hash": string,"retired_at": string
                  }
                  ComputedFields: never
                  Insert: {
                    "created_at": string,"credit_limit"?: number | null,"did": string,"id"?: string,"key_name": string,"openrouter_key_hash": string,"retired_at"?: string
                  }
                  Update: {
                    "created_at"?: string,"credit_limit"?: number | null,"did"?: string,"id"?: string,"key_name"?: string,"openrouter_key_hash"?: string,"retired_at"?: string
                  }
                  Relationships: [
                    
                  ]
                },"usage_daily": {
                  Row: {
                    "cached_tokens": number,"day": string,"did": string,"endpoint": string,"failed_requests": number,"input_tokens": number,"model": string,"output_tokens": number,"reasoning_tokens": number,"requests": number,"requests_without_cost": number,"total_cost": number,"upstream_cost": number
                  }
                  ComputedFields: never
                  Insert: {
                    "cached_tokens"?: number,"day": string,"did": string,"endpoint": string,"failed_requests"?: number,"input_tokens"?: number,"model": string,"output_tokens"?: number,"reasoning_tokens"?: number,"requests"?: number,"requests_without_cost"?: number,"total_cost"?: number,"upstream_cost"?: number
                  }
                  Update: {
                    "cached_tokens"?: number,"day"?: string,"did"?: string,"endpoint"?: string,"failed_requests"?: number,"input_tokens"?: number,"model"?: string,"output_tokens"?: number,"reasoning_tokens"?: number,"requests"?: number,"requests_without_cost"?: number,"total_cost"?: number,"upstream_cost"?: number
                  }
                  Relationships: [
                    
                  ]
                },"usage_daily_of_all": {
                  Row: {
                    "cached_tokens": number,"day": string,"endpoint": string,"failed_requests": number,"input_tokens": number,"model": string,"output_tokens": number,"reasoning_tokens": number,"requests": number,"requests_without_cost": number,"total_cost": number,"upstream_cost": number
                  }
                  ComputedFields: never
                  Insert: {
                    "cached_tokens": number,"day": string,"endpoint": string,"failed_requests": number,"input_tokens": number,"model": string,"output_tokens": number,"reasoning_tokens": number,"requests": number,"requests_without_cost": number,"total_cost": number,"upstream_cost": number
                  }
                  Update: {
                    "cached_tokens"?: number,"day"?: string,"endpoint"?: string,"failed_requests"?: number,"input_tokens"?: number,"model"?: string,"output_tokens"?: number,"reasoning_tokens"?: number,"requests"?: number,"requests_without_cost"?: number,"total_cost"?: number,"upstream_cost"?: number
                  }
                  Relationships: [
                    
                  ]
                },"usage_day_changes": {
                  Row: {
                    "day": string
                  }
                  ComputedFields: never
                  Insert: {
                    "day": string
                  }
                  Update: {
                    "day"?: string
                  }
                  Relationships: [
                    
                  ]
                },"usage_hourly": {
                  Row: {
                    "cached_tokens": number,"did": string,"duration_ms": (number)[],"endpoint": string,"failed_requests": number,"first_byte_ms": (number)[],"hour": string,"input_tokens": number,"model": string,"output_tokens": number,"reasoning_tokens": number,"requests": number,"requests_without_cost": number,"total_cost": number,"upstream_cost": number
                  }
                  ComputedFields: never
                  Insert: {
                    "cached_tokens"?: number,"did": string,"duration_ms"?: (number)[],"endpoint": string,"failed_requests"?: number,"first_byte_ms"?: (number)[],"hour": string,"input_tokens"?: number,"model": string,"output_tokens"?: number,"reasoning_tokens"?: number,"requests"?: number,"requests_without_cost"?: number,"total_cost"?: number,"upstream_cost"?: number
                  }
                  Update: {
                    "cached_tokens"?: number,"did"?: string,"duration_ms"?: (number)[],"endpoint"?: string,"failed_requests"?: number,"first_byte_ms"?: (number)[],"hour"?: string,"input_tokens"?: number,"model"?: string,"output_tokens"?: number,"reasoning_tokens"?: number,"requests"?: number,"requests_without_cost"?: number,"total_cost"?: number,"upstream_cost"?: number
                  }
                  Relationships: [
                    
                  ]
                },"user_api_keys": {
                  Row: {
                    "applied_credit_limit": number | null,"applied_credit_limit_reset": string | null,"created_at": string,"credit_limit": number | null,"credit_limit_reset": string | null,"did": string,"encrypted_api_key": string,"id": string,"key_name": string,"openrouter_key_hash": string,"status": string,"updated_at": string
                  }
                  ComputedFields: never
                  Insert: {
                    "applied_credit_limit"?: number | null,"applied_credit_limit_reset"?: string | null,"created_at"?: string,"credit_limit"?: number | null,"credit_limit_reset"?: string | null,"did": string,"encrypted_api_key": string,"id"?: string,"key_name": string,"openrouter_key_hash": string,"status"?: string,"updated_at"?: string
                  }
                  Update: {
                    "applied_credit_limit"?: number | null,"applied_credit_limit_reset"?: string | null,"created_at"?: string,"credit_limit"?: number | null,"credit_limit_reset"?: string | null,"did"?: string,"encrypted_api_key"?: string,"id"?: string,"key_name"?: string,"openrouter_key_hash"?: string,"status"?: string,"updated_at"?: string
                  }
                  Relationships: [
                    
                  ]
                }
          }
          Views: {
            "accounts": {
                  Row: {
                    "access": string | null,"allowed_models": (string)[] | null,"created_at": string | null,"daily_budget_usd": number | null,"day_reserved_usd": number | null,"day_spent_usd": number | null,"did": string,"failed_requests": number | null,"first_day": string | null,"key_status": string,"last_day": string | null,"last_request_at": string | null,"month_reserved_usd": number | null,"month_spent_usd": number | null,"monthly_budget_usd": number | null,"requests": number | null,"requests_per_minute": number | null,"requests_under_way": number | null,"requests_without_cost": number | null,"total_cost": number | null
                  }
                  ComputedFields: never
                  Relationships: [
                    
                  ]
                },"cost_drift_latest": {
                  Row: {
                    "booked_byok_usd": number,"booked_usd": number,"byok_drift_usd": number | null,"checked_at": string,"counts": boolean | null,"did": string,"drift_usd": number,"openrouter_byok_usd": number | null,"openrouter_usd": number,"since": string,"stands_since": string | null
                  }
                  ComputedFields: never
                  Relationships: [
                    
                  ]
                },"ended_requests": {
                  Row: {
                    "cached_tokens": number | null,"day": string | null,"did": string,"endpoint": string,"first_byte_ms": number | null,"hour": string | null,"input_tokens": number | null,"is_timed": boolean | null,"label": string | null,"model": string | null,"output_tokens": number | null,"reasoning_tokens": number | null,"request_time": string,"response_time": string | null,"session": string | null,"status": string,"total_cost": number | null,"upstream_cost": number | null
                  }
                  ComputedFields: never
                  Insert: {
                           "cached_tokens"?: number | null,"day"?: never,"did"?: string | null,"endpoint"?: string | null,"first_byte_ms"?: number | null,"hour"?: never,"input_tokens"?: number | null,"is_timed"?: never,"label"?: string | null,"model"?: never,"output_tokens"?: number | null,"reasoning_tokens"?: number | null,"request_time"?: string | null,"response_time"?: string | null,"session"?: string | null,"status"?: string | null,"total_cost"?: number | null,"upstream_cost"?: number | null
                         }
                        Update: {
                           "cached_tokens"?: number | null,"day"?: never,"did"?: string | null,"endpoint"?: string | null,"first_byte_ms"?: number | null,"hour"?: never,"input_tokens"?: number | null,"is_timed"?: never,"label"?: string | null,"model"?: never,"output_tokens"?: number | null,"reasoning_tokens"?: number | null,"request_time"?: string | null,"response_time"?: string | null,"session"?: string | null,"status"?: string | null,"total_cost"?: number | null,"upstream_cost"?: number | null
                         }
                        Relationships: [
                    
                  ]
                },"new_dids": {
                  Row: {
                    "created_at": string,"did": string,"failed_requests": number | null,"key_status": string,"requests": number | null,"total_cost": number | null
                  }
                  ComputedFields: never
                  Relationships: [
                    
                  ]
                },"usage_against_budgets": {
                  Row: {
                    "did": string,"limit_usd": number | null,"period": string | null,"remaining_usd": number | null,"reserved_usd": number | null,"resets_at": string | null,"spent_usd": number | null,"used_percent": number | null
                  }
                  ComputedFields: never
                  Relationships: [
                    
                  ]
                },"usage_by_day": {
                  Row: {
                    "cached_tokens": number | null,"day": string | null,"failed_requests": number | null,"input_tokens": number | null,"output_tokens": number | null,"reasoning_tokens": number | null,"requests": number | null,"requests_without_cost": number | null,"total_cost": number | null,"upstream_cost": number | null
                  }
                  ComputedFields: never
                  Relationships: [
                    
                  ]
                },"usage_by_did": {
                  Row: {
                    "cached_tokens": number | null,"did": string,"failed_requests": number | null,"first_day": string | null,"input_tokens": number | null,"last_day": string | null,"output_tokens": number | null,"reasoning_tokens": number | null,"requests": number | null,"requests_without_cost": number | null,"total_cost": number | null,"upstream_cost": number | null
                  }
                  ComputedFields: never
                  Relationships: [
                    
                  ]
                },"usage_by_did_day": {
                  Row: {
                    "cached_tokens": number | null,"day": string,"did": string,"failed_requests": number | null,"input_tokens": number | null,"output_tokens": number | null,"reasoning_tokens": number | null,"requests": number | null,"requests_without_cost": number | null,"total_cost": number | null,"upstream_cost": number | null
                  }
                  ComputedFields: never
                  Relationships: [
                    
                  ]
                },"usage_by_did_hour": {
                  Row: {
                    "cached_tokens": number | null,"did": string,"failed_requests": number | null,"hour": string,"input_tokens": number | null,"output_tokens": number | null,"reasoning_tokens": number | null,"requests": number | null,"requests_without_cost": number | null,"total_cost": number | null,"upstream_cost": number | null
                  }
                  ComputedFields: never
                  Relationships: [
                    
                  ]
                },"usage_by_did_label": {
                  Row: {
                    "cached_tokens": number | null,"did": string,"failed_requests": number | null,"first_request_at": string | null,"input_tokens": number | null,"label": string | null,"last_request_at": string | null,"output_tokens": number | null,"reasoning_tokens": number | null,"requests": number | null,"requests_without_cost": number | null,"total_cost": number | null,"upstream_cost": number | null
                  }
                  ComputedFields: never
                  Relationships: [
                    
                  ]
                },"usage_by_did_model": {
                  Row: {
                    "cached_tokens": number | null,"did": string,"failed_requests": number | null,"input_tokens": number | null,"model": string,"output_tokens": number | null,"reasoning_tokens": number | null,"requests": number | null,"requests_without_cost": number | null,"total_cost": number | null,"upstream_cost": number | null
                  }
                  ComputedFields: never
                  Relationships: [
                    
                  ]
                },"usage_by_did_session": {
                  Row: {
                    "cached_tokens": number | null,"did": string,"failed_requests": number | null,"first_request_at": string | null,"input_tokens": number | null,"last_request_at": string | null,"output_tokens": number | null,"reasoning_tokens": number | null,"requests": number | null,"requests_without_cost": number | null,"session": string | null,"total_cost": number | null,"upstream_cost": number | null
                  }
                  ComputedFields: never
                  Relationships: [
                    
                  ]
                },"usage_by_hour": {
                  Row: {
                    "cached_tokens": number | null,"failed_requests": number | null,"hour": string,"input_tokens": number | null,"output_tokens": number | null,"reasoning_tokens": number | null,"requests": number | null,"requests_without_cost": number | null,"total_cost": number | null,"upstream_cost": number | null
                  }
                  ComputedFields: never
                  Relationships: [
                    
                  ]
                },"usage_by_model": {
                  Row: {
                    "cached_tokens": number | null,"failed_requests": number | null,"input_tokens": number | null,"model": string | null,"output_tokens": number | null,"reasoning_tokens": number | null,"requests": number | null,"requests_without_cost": number | null,"total_cost": number | null,"upstream_cost": number | null
                  }
                  ComputedFields: never
                  Relationships: [
                    
                  ]
                },"usage_latency": {
                  Row: {
                    "day": string | null,"did": string,"duration_p50_ms": number | null,"duration_p95_ms": number | null,"duration_p99_ms": number | null,"first_byte_p50_ms": number | null,"first_byte_p95_ms": number | null,"first_byte_p99_ms": number | null,"model": string,"requests": number | null
                  }
                  ComputedFields: never
                  Relationships: [
                    
                  ]
                },"usage_of_days": {
                  Row: {
                    "cached_tokens": number | null,"day": string | null,"endpoint": string | null,"failed_requests": number | null,"input_tokens": number | null,"model": string | null,"output_tokens": number | null,"reasoning_tokens": number | null,"requests": number | null,"requests_without_cost": number | null,"total_cost": number | null,"upstream_cost": number | null
                  }
                  ComputedFields: never
                  Relationships: [
                    
                  ]
                },"usage_recent_failures": {
                  Row: {
                    "did": string,"endpoint": string,"error_message": string | null,"http_status": number | null,"id": string,"model": string | null,"request_time": string,"total_cost": number | null
                  }
                  ComputedFields: never
                  Insert: {
                           "did"?: string | null,"endpoint"?: string | null,"error_message"?: string | null,"http_status"?: number | null,"id"?: string | null,"model"?: string | null,"request_time"?: string | null,"total_cost"?: number | null
                         }
                        Update: {
                           "did"?: string | null,"endpoint"?: string | null,"error_message"?: string | null,"http_status"?: number | null,"id"?: string | null,"model"?: string | null,"request_time"?: string | null,"total_cost"?: number | null
                         }
                        Relationships: [
                    
                  ]
                },"usage_unknown_costs": {
                  Row: {
                    "cost_ask_after": string | null,"cost_asks": number,"did": string,"endpoint": string,"error_message": string | null,"generation_id": string | null,"http_status": number | null,"id": string,"label": string | null,"model": string | null,"request_time": string,"reserved_usd": number,"session": string | null,"status": string
                  }
                  ComputedFields: never
                  Insert: {
                           "cost_ask_after"?: string | null,"cost_asks"?: number | null,"did"?: string | null,"endpoint"?: string | null,"error_message"?: string | null,"generation_id"?: string | null,"http_status"?: number | null,"id"?: string | null,"label"?: string | null,"model"?: string | null,"request_time"?: string | null,"reserved_usd"?: number | null,"session"?: string | null,"status"?: string | null
                         }
                        Update: {
                           "cost_ask_after"?: string | null,"cost_asks"?: number | null,"did"?: string | null,"endpoint"?: string | null,"error_message"?: string | null,"generation_id"?: string | null,"http_status"?: number | null,"id"?: string | null,"label"?: string | null,"model"?: string | null,"request_time"?: string | null,"reserved_usd"?: number | null,"session"?: string | null,"status"?: string | null
                         }
                        Relationships: [
                    
                  ]
                }
          }
          Functions: {
            "access_of":
{ Args: { "p_account": Omit<Database["public"]['Tables']["user_api_keys"]['Row'], Database["public"]['Tables']["user_api_keys"]['ComputedFields']>,"p_policy": Omit<Database["public"]['Tables']["did_policies"]['Row'], Database["public"]['Tables']["did_policies"]['ComputedFields']>,"p_settings": Omit<Database["public"]['Tables']["gateway_settings"]['Row'], Database["public"]['Tables']["gateway_settings"]['ComputedFields']> }; Returns: string
                           },
"account_limits":
{ Args: { "p_did": string,"p_now"?: string }; Returns: Json
                           },
"add_alerts":
{ Args: { "p_did": string,"p_from": number,"p_kind": string,"p_limit": number,"p_period_start": string,"p_reached": number,"p_to": number }; Returns: undefined
                           },
"add_up_days":
{ Args: { "p_limit"?: number }; Returns: number
                           },
"admit_request":
{ Args: { "p_admission": Json }; Returns: Json
                           } |
{ Args: { "p_body_hash"?: string,"p_did": string,"p_endpoint": string,"p_idempotency_key"?: string,"p_may_lack_key"?: boolean,"p_message_expires_at"?: string,"p_message_hash"?: string,"p_metered": boolean,"p_method": string,"p_model"?: string,"p_owned_generation"?: string,"p_owned_generations"?: (string)[],"p_request_id": string,"p_shared_features"?: (string)[],"p_streaming"?: boolean,"p_token_issued_at"?: string }; Returns: Json
                           },
"admit_requests":
{ Args: { "p_admissions": string }; Returns: Json
                           },
"admitted_answer":
{ Args: { "p_account": Omit<Database["public"]['Tables']["user_api_keys"]['Row'], Database["public"]['Tables']["user_api_keys"]['ComputedFields']>,"p_budget": Omit<Database["public"]['Tables']["budgets"]['Row'], Database["public"]['Tables']["budgets"]['ComputedFields']>,"p_limits": Database["public"]['CompositeTypes']["limits"],"p_now": string,"p_policy": Omit<Database["public"]['Tables']["did_policies"]['Row'], Database["public"]['Tables']["did_policies"]['ComputedFields']>,"p_settings": Omit<Database["public"]['Tables']["gateway_settings"]['Row'], Database["public"]['Tables']["gateway_settings"]['ComputedFields']> }; Returns: Json
                           },
"adopt_generation":
{ Args: { "p_any_row": boolean,"p_found": Json }; Returns: string
                           },
"allow_did":
{ Args: { "did": string }; Returns: {
              "access": string | null,
"allowed_models": (string)[] | null,
"concurrent_requests": number | null,
"created_at": string,
"daily_budget_usd": number | null,
"did": string,
"free_models_per_day": number | null,
"monthly_budget_usd": number | null,
"requests_per_minute": number | null,
"tokens_valid_after": string | null,
"updated_at": string
            }
                          SetofOptions: {
        from: "*"
        to: "did_policies"
        isOneToOne: true
        isSetofReturn: false
      } },
"are_model_patterns":
{ Args: { "p_patterns": (string)[] }; Returns: boolean
                           },
"begin_maintenance":
{ Args: { "p_lease": string,"p_run_id": string }; Returns: boolean
                           },
"block_did":
{ Args: { "did": string }; Returns: {
              "access": string | null,
"allowed_models": (string)[] | null,
"concurrent_requests": number | null,
"created_at": string,
"daily_budget_usd": number | null,
"did": string,
"free_models_per_day": number | null,
"monthly_budget_usd": number | null,
"requests_per_minute": number | null,
"tokens_valid_after": string | null,
"updated_at": string
            }
                          SetofOptions: {
        from: "*"
        to: "did_policies"
        isOneToOne: true
        isSetofReturn: false
      } },
"book_cost":
{ Args: { "p_cost": Json }; Returns: boolean
                           },
"book_costs":
{ Args: { "p_costs": Json }; Returns: number
                           },
"book_late_cost":
{ Args: { "p_cost": string,"p_did": string,"p_generation_id": string,"p_upstream_cost"?: string,"p_usd_per_credit"?: string }; Returns: boolean
                           },
"bounded_log_start":
{ Args: { "p_did": string,"p_end": string,"p_label": string,"p_rows": number,"p_session": string,"p_start": string }; Returns: string
                           },
"budget_change_at_end":
{ Args: { "p_ended": Omit<Database["public"]['Tables']["request_logs"]['Row'], Database["public"]['Tables']["request_logs"]['ComputedFields']> }; Returns: Database["public"]['CompositeTypes']["budget_change"]
                          SetofOptions: {
        from: "request_logs"
        to: "budget_change"
        isOneToOne: true
        isSetofReturn: false
      } },
"budget_change_of":
{ Args: { "p_after": Omit<Database["public"]['Tables']["request_logs"]['Row'], Database["public"]['Tables']["request_logs"]['ComputedFields']>,"p_before": Omit<Database["public"]['Tables']["request_logs"]['Row'], Database["public"]['Tables']["request_logs"]['ComputedFields']> }; Returns: Database["public"]['CompositeTypes']["budget_change"]
                          SetofOptions: {
        from: "*"
        to: "budget_change"
        isOneToOne: true
        isSetofReturn: false
      } },
"budget_of":
{ Args: { "p_day": string,"p_did": string }; Returns: {
              "day": string,
"day_alerted": number,
"day_free_requests": number,
"day_new_accounts": number,
"day_reserved_usd": number,
"day_spent_usd": number,
"did": string,
"free_requests_used_until": string,
"month": string,
"month_alerted": number,
"month_reserved_usd": number,
"month_spent_usd": number,
"new_accounts_alerted": number,
"new_accounts_used_until": string,
"refusals_used_until": string,
"requests_under_way": number,
"requests_used_until": string
            }
                          SetofOptions: {
        from: "*"
        to: "budgets"
        isOneToOne: true
        isSetofReturn: false
      } },
"change_budgets":
{ Args: { "p_changes": (Database["public"]['CompositeTypes']["budget_change"])[] }; Returns: boolean
                           },
"check_clear":
{ Args: { "p_clear": (string)[],"p_given": Json,"p_what": string }; Returns: undefined
                           },
"check_names":
{ Args: { "p_known": (string)[],"p_names": (string)[],"p_what": string }; Returns: undefined
                           },
"claim_budget_alerts":
{ Args: { "p_limit"?: number }; Returns: Json
                           },
"claim_cost_checks":
{ Args: { "p_limit": number }; Returns: Json
                           },
"claim_cost_searches":
{ Args: { "p_limit": number }; Returns: Json
                           },
"claim_key_provisioning":
{ Args: { "p_attempt_id": string,"p_broken_key_hash"?: string,"p_did": string,"p_lease"?: string }; Returns: Json
                           },
"claim_unpriced_requests":
{ Args: { "p_limit"?: number }; Returns: Json
                           },
"compare_costs":
{ Args: { "p_did": string,"p_keys"?: Json,"p_read_for"?: string,"p_usd_per_credit": string }; Returns: Json
                           },
"complete_key_provisioning":
{ Args: { "p_attempt_id": string,"p_credit_limit"?: string,"p_credit_limit_reset"?: string,"p_did": string,"p_encrypted_api_key": string,"p_key_name": string,"p_openrouter_key_hash": string }; Returns: boolean
                           },
"count_in_usage":
{ Args: { "p_row": Omit<Database["public"]['Tables']["request_logs"]['Row'], Database["public"]['Tables']["request_logs"]['ComputedFields']>,"p_sign": number }; Returns: undefined
                           },
"count_new_account":
{ Args: { "p_now": string,"p_settings": Omit<Database["public"]['Tables']["gateway_settings"]['Row'], Database["public"]['Tables']["gateway_settings"]['ComputedFields']> }; Returns: Json
                           },
"count_rows_in_usage":
{ Args: { "p_rows": (Database["public"]['Tables']["request_logs"]['Row'])[] }; Returns: undefined
                           },
"counted_model":
{ Args: { "p_row": Omit<Database["public"]['Tables']["request_logs"]['Row'], Database["public"]['Tables']["request_logs"]['ComputedFields']> }; Returns: string
                           },
"difference_of_sums":
{ Args: { "p_booked": number,"p_openrouter": number }; Returns: number
                           },
"discard_request":
{ Args: { "p_request_id": string,"p_request_time": string }; Returns: boolean
                           },
"end_budget_alert":
{ Args: { "p_id": string }; Returns: boolean
                           },
"end_cost_search":
{ Args: { "p_did": string,"p_searched_to": string }; Returns: undefined
                           },
"end_maintenance":
{ Args: { "p_run_id": string }; Returns: undefined
                           },
"end_rows":
{ Args: { "p_ended_too"?: boolean,"p_settlements": (Database["public"]['CompositeTypes']["settlement"])[] }; Returns: (Database["public"]['Tables']["request_logs"]['Row'])[]
                           },
"enter_admission":
{ Args: { "p_asked": Database["public"]['CompositeTypes']["admission"],"p_now": string }; Returns: Json
                           },
"enter_admissions":
{ Args: { "p_asked": (Database["public"]['CompositeTypes']["admission"])[],"p_now": string }; Returns: Json
                           },
"enter_call":
{ Args: { "p_day": string,"p_did": string,"p_gateway_limits": Database["public"]['CompositeTypes']["limits"],"p_limits": Database["public"]['CompositeTypes']["limits"],"p_now": string,"p_usd": number }; Returns: {
              "day": string,
"day_alerted": number,
"day_free_requests": number,
"day_new_accounts": number,
"day_reserved_usd": number,
"day_spent_usd": number,
"did": string,
"free_requests_used_until": string,
"month": string,
"month_alerted": number,
"month_reserved_usd": number,
"month_spent_usd": number,
"new_accounts_alerted": number,
"new_accounts_used_until": string,
"refusals_used_until": string,
"requests_under_way": number,
"requests_used_until": string
            }
                          SetofOptions: {
        from: "*"
        to: "budgets"
        isOneToOne: true
        isSetofReturn: false
      } },
"enter_change":
{ Args: { "p_change": Database["public"]['CompositeTypes']["budget_change"],"p_did": string,"p_limits": Database["public"]['CompositeTypes']["limits"] }; Returns: boolean
                           },
"enter_cost":
{ Args: { "p_known": Database["public"]['CompositeTypes']["settlement"],"p_row": Omit<Database["public"]['Tables']["request_logs"]['Row'], Database["public"]['Tables']["request_logs"]['ComputedFields']> }; Returns: {
              "cached_tokens": number | null,
"cost_ask_after": string | null,
"cost_asks": number,
"cost_source": string | null,
"created_at": string,
"did": string,
"endpoint": string,
"error_message": string | null,
"estimate_usd": number | null,
"first_byte_ms": number | null,
"generation_id": string | null,
"given_up": boolean,
"http_status": number | null,
"id": string,
"input_tokens": number | null,
"label": string | null,
"method": string,
"model": string | null,
"native_finish_reason": string | null,
"output_tokens": number | null,
"provider": string | null,
"reasoning_tokens": number | null,
"request_time": string,
"reserved_on": string | null,
"reserved_usd": number,
"response_time": string | null,
"session": string | null,
"status": string,
"streaming": boolean,
"total_cost": number | null,
"upstream_cost": number | null
            }
                          SetofOptions: {
        from: "*"
        to: "request_logs"
        isOneToOne: true
        isSetofReturn: false
      } },
"enter_known_cost":
{ Args: { "p_cost": Json }; Returns: Database["public"]['CompositeTypes']["budget_change"]
                          SetofOptions: {
        from: "*"
        to: "budget_change"
        isOneToOne: true
        isSetofReturn: false
      } },
"enter_known_costs":
{ Args: { "p_costs": (Json)[] }; Returns: number
                           },
"enter_settlement":
{ Args: { "p_settlement": Database["public"]['CompositeTypes']["settlement"] }; Returns: Database["public"]['CompositeTypes']["entered"]
                          SetofOptions: {
        from: "settlement"
        to: "entered"
        isOneToOne: true
        isSetofReturn: false
      } },
"erase_did":
{ Args: { "did": string }; Returns: string
                           },
"expire_stale_requests":
{ Args: { "p_older_than"?: string }; Returns: number
                           },
"gateway_limits":
{ Args: { "p_settings": Omit<Database["public"]['Tables']["gateway_settings"]['Row'], Database["public"]['Tables']["gateway_settings"]['ComputedFields']> }; Returns: Database["public"]['CompositeTypes']["limits"]
                          SetofOptions: {
        from: "gateway_settings"
        to: "limits"
        isOneToOne: true
        isSetofReturn: false
      } },
"generations_with_sums":
{ Args: { "p_did": string,"p_from": string,"p_to": string }; Returns: Json
                           },
"give_back_unpriced_requests":
{ Args: { "p_requests": Json }; Returns: undefined
                           },
"has_room":
{ Args: { "p_budget": Omit<Database["public"]['Tables']["budgets"]['Row'], Database["public"]['Tables']["budgets"]['ComputedFields']>,"p_calls": number,"p_limits": Database["public"]['CompositeTypes']["limits"],"p_now": string,"p_usd": number }; Returns: boolean
                           },
"histogram":
{ Args: { "p_buckets": (number)[],"p_counts"?: (number)[] }; Returns: (number)[]
                           },
"key_limit_of":
{ Args: { "p_account": Omit<Database["public"]['Tables']["user_api_keys"]['Row'], Database["public"]['Tables']["user_api_keys"]['ComputedFields']>,"p_policy": Omit<Database["public"]['Tables']["did_policies"]['Row'], Database["public"]['Tables']["did_policies"]['ComputedFields']>,"p_settings": Omit<Database["public"]['Tables']["gateway_settings"]['Row'], Database["public"]['Tables']["gateway_settings"]['ComputedFields']> }; Returns: Database["public"]['CompositeTypes']["key_limit"]
                          SetofOptions: {
        from: "*"
        to: "key_limit"
        isOneToOne: true
        isSetofReturn: false
      } },
"latency_bucket":
{ Args: { "p_ms": number }; Returns: number
                           },
"limits_of":
{ Args: { "p_policy": Omit<Database["public"]['Tables']["did_policies"]['Row'], Database["public"]['Tables']["did_policies"]['ComputedFields']>,"p_settings": Omit<Database["public"]['Tables']["gateway_settings"]['Row'], Database["public"]['Tables']["gateway_settings"]['ComputedFields']> }; Returns: Database["public"]['CompositeTypes']["limits"]
                          SetofOptions: {
        from: "*"
        to: "limits"
        isOneToOne: true
        isSetofReturn: false
      } },
"lock_budget":
{ Args: { "p_did": string }; Returns: undefined
                           },
"lock_costs_of":
{ Args: { "p_did": string }; Returns: undefined
                           },
"lock_usage":
{ Args: { "p_did": string }; Returns: undefined
                           },
"log_row_makes_sense":
{ Args: { "p_cached_tokens": number,"p_cost_source": string,"p_input_tokens": number,"p_label": string,"p_output_tokens": number,"p_reasoning_tokens": number,"p_response_time": string,"p_session": string,"p_status": string,"p_total_cost": number,"p_upstream_cost": number }; Returns: boolean
                           },
"maintain":
{ Args: Record<PropertyKey, never>; Returns: Json
                           },
"maintain_request_log_partitions":
{ Args: { "p_months_ahead"?: number }; Returns: Json
                           },
"may_be_charged":
{ Args: { "p_http_status": number }; Returns: boolean
                           },
"model_not_in":
{ Args: { "p_allowed": (string)[],"p_models": (string)[] }; Returns: string
                           },
"note_parts":
{ Args: { "p_did": string,"p_generation_ids": (string)[] }; Returns: undefined
                           },
"note_used_up":
{ Args: { "p_did": string,"p_refusal": Json }; Returns: Json
                           },
"plain_admissions":
{ Args: { "p_asked": (Database["public"]['CompositeTypes']["admission"])[],"p_now": string }; Returns: (Database["public"]['CompositeTypes']["plain_admission"])[]
                           },
"plain_did":
{ Args: { "p_did": string }; Returns: string
                           },
"purge_accepted_messages":
{ Args: { "p_limit"?: number }; Returns: number
                           },
"purge_budget_alerts":
{ Args: { "p_limit"?: number }; Returns: number
                           },
"purge_idempotency_keys":
{ Args: { "p_limit"?: number }; Returns: number
                           },
"purge_request_logs":
{ Args: { "p_limit"?: number }; Returns: number
                           },
"purge_usage_hourly":
{ Args: { "p_limit"?: number }; Returns: number
                           },
"rate_allows":
{ Args: { "p_now": string,"p_per_minute": number,"p_used_until": string }; Returns: boolean
                           },
"rate_state":
{ Args: { "p_now": string,"p_per_minute": number,"p_used_until": string }; Returns: Json
                           },
"record_key_limit":
{ Args: { "p_credit_limit"?: string,"p_credit_limit_reset"?: string,"p_did": string,"p_openrouter_key_hash": string }; Returns: boolean
                           },
"recount_hours":
{ Args: { "p_did": string,"p_since": string }; Returns: undefined
                           },
"recount_in_usage":
{ Args: { "p_after": Omit<Database["public"]['Tables']["request_logs"]['Row'], Database["public"]['Tables']["request_logs"]['ComputedFields']>,"p_before": Omit<Database["public"]['Tables']["request_logs"]['Row'], Database["public"]['Tables']["request_logs"]['ComputedFields']> }; Returns: undefined
                           },
"refusal_by":
{ Args: { "p_budget": Omit<Database["public"]['Tables']["budgets"]['Row'], Database["public"]['Tables']["budgets"]['ComputedFields']>,"p_free_model": boolean,"p_limits": Database["public"]['CompositeTypes']["limits"],"p_now": string,"p_scope": string,"p_usd": number }; Returns: Json
                           },
"release_key_provisioning":
{ Args: { "p_attempt_id": string,"p_did": string,"p_orphan_possible"?: boolean }; Returns: undefined
                           },
"request_log_kept_since":
{ Args: Record<PropertyKey, never>; Returns: string
                           },
"request_log_retained_since":
{ Args: Record<PropertyKey, never>; Returns: string
                           },
"reservations_of_log":
{ Args: { "p_did": string }; Returns: {
              "day_reserved_usd": number,"did": string,"month_reserved_usd": number,"requests_under_way": number
            }[]
                           },
"reserve_of":
{ Args: { "p_estimate": Json,"p_settings": Omit<Database["public"]['Tables']["gateway_settings"]['Row'], Database["public"]['Tables']["gateway_settings"]['ComputedFields']> }; Returns: number
                           },
"revoke_tokens":
{ Args: { "did": string,"issued_before"?: string }; Returns: {
              "access": string | null,
"allowed_models": (string)[] | null,
"concurrent_requests": number | null,
"created_at": string,
"daily_budget_usd": number | null,
"did": string,
"free_models_per_day": number | null,
"monthly_budget_usd": number | null,
"requests_per_minute": number | null,
"tokens_valid_after": string | null,
"updated_at": string
            }
                          SetofOptions: {
        from: "*"
        to: "did_policies"
        isOneToOne: true
        isSetofReturn: false
      } },
"rolled":
{ Args: { "p_budget": Omit<Database["public"]['Tables']["budgets"]['Row'], Database["public"]['Tables']["budgets"]['ComputedFields']>,"p_day": string }; Returns: {
              "day": string,
"day_alerted": number,
"day_free_requests": number,
"day_new_accounts": number,
"day_reserved_usd": number,
"day_spent_usd": number,
"did": string,
"free_requests_used_until": string,
"month": string,
"month_alerted": number,
"month_reserved_usd": number,
"month_spent_usd": number,
"new_accounts_alerted": number,
"new_accounts_used_until": string,
"refusals_used_until": string,
"requests_under_way": number,
"requests_used_until": string
            }
                          SetofOptions: {
        from: "*"
        to: "budgets"
        isOneToOne: true
        isSetofReturn: false
      } },
"schedule_housekeeping":
{ Args: Record<PropertyKey, never>; Returns: boolean
                           },
"schedule_maintenance":
{ Args: { "p_schedule"?: string,"p_secret_key": string,"p_url": string }; Returns: string
                           },
"set_gateway_limits":
{ Args: { "access_mode"?: string,"allowed_server_tools"?: (string)[],"clear"?: (string)[],"daily_budget_usd"?: number,"default_allowed_models"?: (string)[],"default_concurrent_requests"?: number,"default_daily_budget_usd"?: number,"default_free_models_per_day"?: number,"default_monthly_budget_usd"?: number,"default_requests_per_minute"?: number,"default_reserved_output_tokens"?: number,"free_models_per_day"?: number,"free_models_per_minute"?: number,"job_reserve_usd"?: number,"monthly_budget_usd"?: number,"new_accounts_per_day"?: number,"new_accounts_per_minute"?: number,"refused_requests_per_minute"?: number,"requests_per_minute"?: number,"shared_features"?: (string)[],"unknown_price_reserve_usd"?: number }; Returns: {
              "access_mode": string,
"allowed_server_tools": (string)[],
"daily_budget_usd": number | null,
"default_allowed_models": (string)[] | null,
"default_concurrent_requests": number | null,
"default_credit_limit": number | null,
"default_credit_limit_reset": string | null,
"default_daily_budget_usd": number | null,
"default_free_models_per_day": number | null,
"default_monthly_budget_usd": number | null,
"default_requests_per_minute": number | null,
"default_reserved_output_tokens": number,
"free_models_per_day": number | null,
"free_models_per_minute": number | null,
"job_reserve_usd": number,
"monthly_budget_usd": number | null,
"new_accounts_per_day": number | null,
"new_accounts_per_minute": number | null,
"only_row": boolean,
"refused_requests_per_minute": number | null,
"request_log_dropped_before": string | null,
"request_log_retention_months": number | null,
"requests_per_minute": number | null,
"shared_features": (string)[],
"unknown_price_reserve_usd": number,
"updated_at": string
            }
                          SetofOptions: {
        from: "*"
        to: "gateway_settings"
        isOneToOne: true
        isSetofReturn: false
      } },
"set_limits":
{ Args: { "allowed_models"?: (string)[],"clear"?: (string)[],"concurrent_requests"?: number,"daily_budget_usd"?: number,"did": string,"free_models_per_day"?: number,"monthly_budget_usd"?: number,"requests_per_minute"?: number }; Returns: {
              "access": string | null,
"allowed_models": (string)[] | null,
"concurrent_requests": number | null,
"created_at": string,
"daily_budget_usd": number | null,
"did": string,
"free_models_per_day": number | null,
"monthly_budget_usd": number | null,
"requests_per_minute": number | null,
"tokens_valid_after": string | null,
"updated_at": string
            }
                          SetofOptions: {
        from: "*"
        to: "did_policies"
        isOneToOne: true
        isSetofReturn: false
      } },
"settle_request":
{ Args: { "p_cached_tokens"?: number,"p_cost"?: string,"p_cost_source"?: string,"p_error_message"?: string,"p_first_byte_ms"?: number,"p_generation_id"?: string,"p_http_status"?: number,"p_input_tokens"?: number,"p_model"?: string,"p_native_finish_reason"?: string,"p_never_sent"?: boolean,"p_output_tokens"?: number,"p_provider"?: string,"p_reasoning_tokens"?: number,"p_request_id": string,"p_request_time": string,"p_status": string,"p_upstream_cost"?: string,"p_usd_per_credit"?: string }; Returns: Json
                           } |
{ Args: { "p_settlement": Json }; Returns: Json
                           },
"settle_requests":
{ Args: { "p_settlements": string }; Returns: Json
                           },
"settled_answer":
{ Args: { "p_entered": Database["public"]['CompositeTypes']["entered"],"p_left_out": string }; Returns: Json
                           },
"standing_cost_drifts":
{ Args: { "p_limit"?: number }; Returns: Json
                           },
"store_budget":
{ Args: { "p_budget": Omit<Database["public"]['Tables']["budgets"]['Row'], Database["public"]['Tables']["budgets"]['ComputedFields']> }; Returns: undefined
                           },
"threshold_of":
{ Args: { "p_amount": number,"p_limit": number }; Returns: number
                           },
"token_is_revoked":
{ Args: { "p_did": string,"p_issued_at": string }; Returns: boolean
                           },
"told_request":
{ Args: { "p_row": Omit<Database["public"]['Tables']["request_logs"]['Row'], Database["public"]['Tables']["request_logs"]['ComputedFields']> }; Returns: Json
                           },
"try_lock_costs_of":
{ Args: { "p_did": string }; Returns: boolean
                           },
"unbooked_generations":
{ Args: { "p_did": string,"p_generation_ids": (string)[] }; Returns: (string)[]
                           },
"usage_answer":
{ Args: { "p_group_by": (string)[],"p_group_parts": (Database["public"]['CompositeTypes']["usage_part"])[],"p_parts": (Database["public"]['CompositeTypes']["usage_part"])[] }; Returns: Json
                           },
"usage_daily_of_log":
{ Args: { "p_did": string,"p_since": string }; Returns: {
              "cached_tokens": number,
"day": string,
"did": string,
"endpoint": string,
"failed_requests": number,
"input_tokens": number,
"model": string,
"output_tokens": number,
"reasoning_tokens": number,
"requests": number,
"requests_without_cost": number,
"total_cost": number,
"upstream_cost": number
            }[]
                          SetofOptions: {
        from: "*"
        to: "usage_daily"
        isOneToOne: false
        isSetofReturn: true
      } },
"usage_from_log":
{ Args: { "p_did": string,"p_end": string,"p_label": string,"p_session": string,"p_start": string }; Returns: Database["public"]['CompositeTypes']["usage_part"][]
                          SetofOptions: {
        from: "*"
        to: "usage_part"
        isOneToOne: false
        isSetofReturn: true
      } },
"usage_from_totals":
{ Args: { "p_did": string,"p_pieces": Database["public"]['CompositeTypes']["usage_pieces"] }; Returns: Database["public"]['CompositeTypes']["usage_part"][]
                          SetofOptions: {
        from: "*"
        to: "usage_part"
        isOneToOne: false
        isSetofReturn: true
      } },
"usage_hourly_kept_since":
{ Args: Record<PropertyKey, never>; Returns: string
                           },
"usage_of_log":
{ Args: { "p_did": string,"p_since": string,"p_until": string }; Returns: {
              "cached_tokens": number,
"did": string,
"duration_ms": (number)[],
"endpoint": string,
"failed_requests": number,
"first_byte_ms": (number)[],
"hour": string,
"input_tokens": number,
"model": string,
"output_tokens": number,
"reasoning_tokens": number,
"requests": number,
"requests_without_cost": number,
"total_cost": number,
"upstream_cost": number
            }[]
                          SetofOptions: {
        from: "*"
        to: "usage_hourly"
        isOneToOne: false
        isSetofReturn: true
      } },
"usage_pieces_of":
{ Args: { "p_by_hour": boolean,"p_end": string,"p_start": string }; Returns: Database["public"]['CompositeTypes']["usage_pieces"]
                          SetofOptions: {
        from: "*"
        to: "usage_pieces"
        isOneToOne: true
        isSetofReturn: false
      } },
"usage_request":
{ Args: { "p_did": string,"p_id": string }; Returns: Json
                           },
"usage_requests":
{ Args: { "p_after_id"?: string,"p_after_time"?: string,"p_did": string,"p_label"?: string,"p_limit": number,"p_session"?: string }; Returns: Json
                           },
"usage_stats":
{ Args: { "p_did": string,"p_end"?: string,"p_group_by"?: (string)[],"p_label"?: string,"p_session"?: string,"p_start"?: string }; Returns: Json
                           },
"used_until":
{ Args: { "p_calls": number,"p_now": string,"p_per_minute": number,"p_used_until": string }; Returns: string
                           },
"verify_reservations":
{ Args: { "apply"?: boolean,"p_did"?: string }; Returns: {
              "did": string,"held": Json,"logged": Json
            }[]
                           },
"verify_usage":
{ Args: { "apply"?: boolean,"p_did"?: string }; Returns: {
              "counted": Json,"did": string,"endpoint": string,"logged": Json,"model": string,"relation": string,"starts_at": string
            }[]
                           },
"with_alerts":
{ Args: { "p_budget": Omit<Database["public"]['Tables']["budgets"]['Row'], Database["public"]['Tables']["budgets"]['ComputedFields']>,"p_limits": Database["public"]['CompositeTypes']["limits"] }; Returns: {
              "day": string,
"day_alerted": number,
"day_free_requests": number,
"day_new_accounts": number,
"day_reserved_usd": number,
"day_spent_usd": number,
"did": string,
"free_requests_used_until": string,
"month": string,
"month_alerted": number,
"month_reserved_usd": number,
"month_spent_usd": number,
"new_accounts_alerted": number,
"new_accounts_used_until": string,
"refusals_used_until": string,
"requests_under_way": number,
"requests_used_until": string
            }
                          SetofOptions: {
        from: "*"
        to: "budgets"
        isOneToOne: true
        isSetofReturn: false
      } },
"with_call":
{ Args: { "p_budget": Omit<Database["public"]['Tables']["budgets"]['Row'], Database["public"]['Tables']["budgets"]['ComputedFields']>,"p_free_model": boolean,"p_limits": Database["public"]['CompositeTypes']["limits"],"p_now": string,"p_usd": number }; Returns: {
              "day": string,
"day_alerted": number,
"day_free_requests": number,
"day_new_accounts": number,
"day_reserved_usd": number,
"day_spent_usd": number,
"did": string,
"free_requests_used_until": string,
"month": string,
"month_alerted": number,
"month_reserved_usd": number,
"month_spent_usd": number,
"new_accounts_alerted": number,
"new_accounts_used_until": string,
"refusals_used_until": string,
"requests_under_way": number,
"requests_used_until": string
            }
                          SetofOptions: {
        from: "*"
        to: "budgets"
        isOneToOne: true
        isSetofReturn: false
      } },
"with_change":
{ Args: { "p_budget": Omit<Database["public"]['Tables']["budgets"]['Row'], Database["public"]['Tables']["budgets"]['ComputedFields']>,"p_change": Database["public"]['CompositeTypes']["budget_change"] }; Returns: {
              "day": string,
"day_alerted": number,
"day_free_requests": number,
"day_new_accounts": number,
"day_reserved_usd": number,
"day_spent_usd": number,
"did": string,
"free_requests_used_until": string,
"month": string,
"month_alerted": number,
"month_reserved_usd": number,
"month_spent_usd": number,
"new_accounts_alerted": number,
"new_accounts_used_until": string,
"refusals_used_until": string,
"requests_under_way": number,
"requests_used_until": string
            }
                          SetofOptions: {
        from: "*"
        to: "budgets"
        isOneToOne: true
        isSetofReturn: false
      } },
"withdraw_request":
{ Args: { "p_request_id": string }; Returns: boolean
                           }
          }
          Enums: {
            [_ in never]: never
          }
          CompositeTypes: {
            "admission": {
                        "request_id": string | null,"did": string | null,"method": string | null,"endpoint": string | null,"metered": boolean | null,"model": string | null,"streaming": boolean | null,"message_hash": string | null,"message_expires_at": string | null,"token_issued_at": string | null,"owned_generations": (string)[] | null,"shared_features": (string)[] | null,"server_tools": (string)[] | null,"may_lack_key": boolean | null,"idempotency_key": string | null,"body_hash": string | null,"models": (string)[] | null,"runs_unnamed": string | null,"free_model": boolean | null,"estimate": Json | null,"session": string | null,"label": string | null
                      },"budget_change": {
                        "did": string | null,"day": string | null,"spent_usd": number | null,"reserved_usd": number | null,"ended": number | null,"refused": number | null
                      },"entered": {
                        "settled": boolean | null,"total_cost": number | null,"change": Database["public"]['CompositeTypes']["budget_change"] | null
                      },"key_limit": {
                        "credit_limit": number | null,"credit_limit_reset": string | null
                      },"limits": {
                        "daily_budget_usd": number | null,"monthly_budget_usd": number | null,"requests_per_minute": number | null,"concurrent_requests": number | null,"free_models_per_minute": number | null,"free_models_per_day": number | null,"refused_requests_per_minute": number | null
                      },"plain_admission": {
                        "asked": Database["public"]['CompositeTypes']["admission"] | null,"account": Database["public"]['Tables']["user_api_keys"]['Row'] | null,"policy": Database["public"]['Tables']["did_policies"]['Row'] | null,"limits": Database["public"]['CompositeTypes']["limits"] | null,"usd": number | null
                      },"settlement": {
                        "request_id": string | null,"request_time": string | null,"status": string | null,"http_status": number | null,"error_message": string | null,"given_up": boolean | null,"model": string | null,"provider": string | null,"generation_id": string | null,"native_finish_reason": string | null,"input_tokens": number | null,"output_tokens": number | null,"cached_tokens": number | null,"reasoning_tokens": number | null,"cost": string | null,"upstream_cost": string | null,"usd_per_credit": string | null,"cost_source": string | null,"first_byte_ms": number | null,"may_be_repeated": boolean | null
                      },"usage_part": {
                        "day": string | null,"hour": string | null,"model": string | null,"endpoint": string | null,"session": string | null,"label": string | null,"requests": number | null,"failed_requests": number | null,"requests_without_cost": number | null,"input_tokens": number | null,"output_tokens": number | null,"cached_tokens": number | null,"reasoning_tokens": number | null,"total_cost": number | null
                      },"usage_pieces": {
                        "range_start": string | null,"hours_start": string | null,"days_start": string | null,"days_end": string | null,"hours_end": string | null,"range_end": string | null,"partial_before": string | null
                      }
          }
        }
}

type DatabaseWithoutInternals = Omit<Database, '__InternalSupabase'>

type DefaultSchema = DatabaseWithoutInternals[Extract<keyof Database, "public">]

export type Tables<
  DefaultSchemaTableNameOrOptions extends
    | keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof (DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"] &
        DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"])
    : never = never
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? (DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"] &
      DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"])[TableName] extends {
      Row: infer R
    }
    ? R
    : never
  : DefaultSchemaTableNameOrOptions extends keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
  ? (DefaultSchema["Tables"] & DefaultSchema["Views"])[DefaultSchemaTableNameOrOptions] extends {
      Row: infer R
    }
    ? R
    : never
  : never

export type TablesInsert<
  DefaultSchemaTableNameOrOptions extends
    | keyof DefaultSchema["Tables"]
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
      Insert: infer I
    }
    ? I
    : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
  ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
      Insert: infer I
    }
    ? I
    : never
  : never

export type TablesUpdate<
  DefaultSchemaTableNameOrOptions extends
    | keyof DefaultSchema["Tables"]
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
      Update: infer U
    }
    ? U
    : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
  ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
      Update: infer U
    }
    ? U
    : never
  : never

export type Enums<
  DefaultSchemaEnumNameOrOptions extends
    | keyof DefaultSchema["Enums"]
    | { schema: keyof DatabaseWithoutInternals },
  EnumName extends DefaultSchemaEnumNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"]
    : never = never
> = DefaultSchemaEnumNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"][EnumName]
  : DefaultSchemaEnumNameOrOptions extends keyof DefaultSchema["Enums"]
  ? DefaultSchema["Enums"][DefaultSchemaEnumNameOrOptions]
  : never

export type CompositeTypes<
  PublicCompositeTypeNameOrOptions extends
    | keyof DefaultSchema["CompositeTypes"]
    | { schema: keyof DatabaseWithoutInternals },
  CompositeTypeName extends PublicCompositeTypeNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"]
    : never = never
> = PublicCompositeTypeNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"][CompositeTypeName]
  : PublicCompositeTypeNameOrOptions extends keyof DefaultSchema["CompositeTypes"]
  ? DefaultSchema["CompositeTypes"][PublicCompositeTypeNameOrOptions]
  : never

export const Constants = {
  "public": {
          Enums: {
            
          }
        }
} as const
