
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
                    "created_at": string,"did": string,"tokens_valid_after": string | null,"updated_at": string
                  }
                  ComputedFields: never
                  Insert: {
                    "created_at"?: string,"did": string,"tokens_valid_after"?: string | null,"updated_at"?: string
                  }
                  Update: {
                    "created_at"?: string,"did"?: string,"tokens_valid_after"?: string | null,"updated_at"?: string
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
                    "default_credit_limit": number | null,"default_credit_limit_reset": string | null,"only_row": boolean,"request_log_retention_months": number | null,"shared_features": (string)[],"updated_at": string
                  }
                  ComputedFields: never
                  Insert: {
                    "default_credit_limit"?: number | null,"default_credit_limit_reset"?: string | null,"only_row"?: boolean,"request_log_retention_months"?: number | null,"shared_features"?: (string)[],"updated_at"?: string
                  }
                  Update: {
                    "default_credit_limit"?: number | null,"default_credit_limit_reset"?: string | null,"only_row"?: boolean,"request_log_retention_months"?: number | null,"shared_features"?: (string)[],"updated_at"?: string
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
                    "attempt_id": string,"did": string,"expires_at": string,"first_claimed_at": string
                  }
                  ComputedFields: never
                  Insert: {
                    "attempt_id": string,"did": string,"expires_at": string,"first_claimed_at"?: string
                  }
                  Update: {
                    "attempt_id"?: string,"did"?: string,"expires_at"?: string,"first_claimed_at"?: string
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
                    "cached_tokens": number | null,"cost_ask_after": string | null,"cost_asks": number,"cost_source": string | null,"created_at": string,"did": string,"endpoint": string,"error_message": string | null,"first_byte_ms": number | null,"generation_id": string | null,"given_up": boolean,"http_status": number | null,"id": string,"input_tokens": number | null,"method": string,"model": string | null,"native_finish_reason": string | null,"output_tokens": number | null,"provider": string | null,"reasoning_tokens": number | null,"request_time": string,"reserved_usd": number,"response_time": string | null,"status": string,"streaming": boolean,"total_cost": number | null,"upstream_cost": number | null,"counted_model": string | null
                  }
                  ComputedFields: "counted_model"
                  Insert: {
                    "cached_tokens"?: number | null,"cost_ask_after"?: string | null,"cost_asks"?: number,"cost_source"?: string | null,"created_at"?: string,"did": string,"endpoint": string,"error_message"?: string | null,"first_byte_ms"?: number | null,"generation_id"?: string | null,"given_up"?: boolean,"http_status"?: number | null,"id": string,"input_tokens"?: number | null,"method": string,"model"?: string | null,"native_finish_reason"?: string | null,"output_tokens"?: number | null,"provider"?: string | null,"reasoning_tokens"?: number | null,"request_time"?: string,"reserved_usd"?: number,"response_time"?: string | null,"status"?: string,"streaming"?: boolean,"total_cost"?: number | null,"upstream_cost"?: number | null
                  }
                  Update: {
                    "cached_tokens"?: number | null,"cost_ask_after"?: string | null,"cost_asks"?: number,"cost_source"?: string | null,"created_at"?: string,"did"?: string,"endpoint"?: string,"error_message"?: string | null,"first_byte_ms"?: number | null,"generation_id"?: string | null,"given_up"?: boolean,"http_status"?: number | null,"id"?: string,"input_tokens"?: number | null,"method"?: string,"model"?: string | null,"native_finish_reason"?: string | null,"output_tokens"?: number | null,"provider"?: string | null,"reasoning_tokens"?: number | null,"request_time"?: string,"reserved_usd"?: number,"response_time"?: string | null,"status"?: string,"streaming"?: boolean,"total_cost"?: number | null,"upstream_cost"?: number | null
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
            "cost_drift_latest": {
                  Row: {
                    "booked_byok_usd": number,"booked_usd": number,"byok_drift_usd": number | null,"checked_at": string,"counts": boolean | null,"did": string,"drift_usd": number,"openrouter_byok_usd": number | null,"openrouter_usd": number,"since": string,"stands_since": string | null
                  }
                  ComputedFields: never
                  Relationships: [
                    
                  ]
                },"usage_by_day": {
                  Row: {
                    "cached_tokens": number | null,"day": string,"failed_requests": number | null,"input_tokens": number | null,"output_tokens": number | null,"reasoning_tokens": number | null,"requests": number | null,"requests_without_cost": number | null,"total_cost": number | null,"upstream_cost": number | null
                  }
                  ComputedFields: never
                  Relationships: [
                    
                  ]
                },"usage_by_did": {
                  Row: {
                    "cached_tokens": number | null,"did": string,"failed_requests": number | null,"input_tokens": number | null,"output_tokens": number | null,"reasoning_tokens": number | null,"requests": number | null,"requests_without_cost": number | null,"total_cost": number | null,"upstream_cost": number | null
                  }
                  ComputedFields: never
                  Relationships: [
                    
                  ]
                },"usage_by_model": {
                  Row: {
                    "cached_tokens": number | null,"failed_requests": number | null,"input_tokens": number | null,"model": string,"output_tokens": number | null,"reasoning_tokens": number | null,"requests": number | null,"requests_without_cost": number | null,"total_cost": number | null,"upstream_cost": number | null
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
                }
          }
          Functions: {
            "account_limits":
{ Args: { "p_did": string,"p_now"?: string }; Returns: Json
                           },
"admit_request":
{ Args: { "p_body_hash"?: string,"p_did": string,"p_endpoint": string,"p_idempotency_key"?: string,"p_may_lack_key"?: boolean,"p_message_expires_at"?: string,"p_message_hash"?: string,"p_metered": boolean,"p_method": string,"p_model"?: string,"p_owned_generation"?: string,"p_owned_generations"?: (string)[],"p_request_id": string,"p_shared_features"?: (string)[],"p_streaming"?: boolean,"p_token_issued_at"?: string }; Returns: Json
                           },
"adopt_generation":
{ Args: { "p_any_row": boolean,"p_found": Json }; Returns: string
                           },
"begin_maintenance":
{ Args: { "p_lease": string,"p_run_id": string }; Returns: boolean
                           },
"book_cost":
{ Args: { "p_cost": Json }; Returns: boolean
                           },
"book_costs":
{ Args: { "p_costs": Json }; Returns: number
                           },
"book_late_cost":
{ Args: { "p_cost": string,"p_did": string,"p_generation_id": string,"p_upstream_cost"?: string,"p_usd_per_credit"?: string }; Returns: boolean
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
"first_byte_ms": number | null,
"generation_id": string | null,
"given_up": boolean,
"http_status": number | null,
"id": string,
"input_tokens": number | null,
"method": string,
"model": string | null,
"native_finish_reason": string | null,
"output_tokens": number | null,
"provider": string | null,
"reasoning_tokens": number | null,
"request_time": string,
"reserved_usd": number,
"response_time": string | null,
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
"enter_settlement":
{ Args: { "p_settlement": Database["public"]['CompositeTypes']["settlement"] }; Returns: Json
                           },
"expire_stale_requests":
{ Args: { "p_older_than"?: string }; Returns: number
                           },
"generations_with_sums":
{ Args: { "p_did": string,"p_from": string,"p_to": string }; Returns: Json
                           },
"give_back_unpriced_requests":
{ Args: { "p_requests": Json }; Returns: undefined
                           },
"lock_costs_of":
{ Args: { "p_did": string }; Returns: undefined
                           },
"maintain":
{ Args: Record<PropertyKey, never>; Returns: Json
                           },
"maintain_request_log_partitions":
{ Args: { "p_months_ahead"?: number }; Returns: Json
                           },
"note_parts":
{ Args: { "p_did": string,"p_generation_ids": (string)[] }; Returns: undefined
                           },
"purge_accepted_messages":
{ Args: { "p_limit"?: number }; Returns: number
                           },
"purge_idempotency_keys":
{ Args: { "p_limit"?: number }; Returns: number
                           },
"purge_request_logs":
{ Args: { "p_limit"?: number }; Returns: number
                           },
"record_key_limit":
{ Args: { "p_credit_limit"?: string,"p_credit_limit_reset"?: string,"p_did": string,"p_openrouter_key_hash": string }; Returns: boolean
                           },
"recount_in_usage":
{ Args: { "p_after": Omit<Database["public"]['Tables']["request_logs"]['Row'], Database["public"]['Tables']["request_logs"]['ComputedFields']>,"p_before": Omit<Database["public"]['Tables']["request_logs"]['Row'], Database["public"]['Tables']["request_logs"]['ComputedFields']> }; Returns: undefined
                           },
"release_key_provisioning":
{ Args: { "p_attempt_id": string,"p_did": string,"p_orphan_possible"?: boolean }; Returns: undefined
                           },
"request_log_kept_since":
{ Args: Record<PropertyKey, never>; Returns: string
                           },
"schedule_housekeeping":
{ Args: Record<PropertyKey, never>; Returns: boolean
                           },
"schedule_maintenance":
{ Args: { "p_schedule"?: string,"p_secret_key": string,"p_url": string }; Returns: string
                           },
"settle_request":
{ Args: { "p_cached_tokens"?: number,"p_cost"?: string,"p_cost_source"?: string,"p_error_message"?: string,"p_first_byte_ms"?: number,"p_generation_id"?: string,"p_http_status"?: number,"p_input_tokens"?: number,"p_model"?: string,"p_native_finish_reason"?: string,"p_never_sent"?: boolean,"p_output_tokens"?: number,"p_provider"?: string,"p_reasoning_tokens"?: number,"p_request_id": string,"p_request_time": string,"p_status": string,"p_upstream_cost"?: string,"p_usd_per_credit"?: string }; Returns: Json
                           } |
{ Args: { "p_settlement": Json }; Returns: Json
                           },
"standing_cost_drifts":
{ Args: { "p_limit"?: number }; Returns: Json
                           },
"token_is_revoked":
{ Args: { "p_did": string,"p_issued_at": string }; Returns: boolean
                           },
"unbooked_generations":
{ Args: { "p_did": string,"p_generation_ids": (string)[] }; Returns: (string)[]
                           },
"usage_stats":
{ Args: { "p_did": string,"p_end"?: string,"p_group_by"?: (string)[],"p_start"?: string }; Returns: Json
                           },
"withdraw_request":
{ Args: { "p_request_id": string }; Returns: boolean
                           }
          }
          Enums: {
            [_ in never]: never
          }
          CompositeTypes: {
            "settlement": {
                        "request_id": string | null,"request_time": string | null,"status": string | null,"http_status": number | null,"error_message": string | null,"given_up": boolean | null,"model": string | null,"provider": string | null,"generation_id": string | null,"native_finish_reason": string | null,"input_tokens": number | null,"output_tokens": number | null,"cached_tokens": number | null,"reasoning_tokens": number | null,"cost": string | null,"upstream_cost": string | null,"usd_per_credit": string | null,"cost_source": string | null,"first_byte_ms": number | null,"may_be_repeated": boolean | null
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
