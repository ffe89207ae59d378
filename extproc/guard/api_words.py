"""Words of the APIs themselves, as keys or as values: they say nothing, so they are nobody's words.

Source: OpenAI and Anthropic API references, JSON Schema 2020-12, read 2026-11. A word that is missing here is read like
any other string; nothing depends on this list being whole.
"""

API_WORDS = frozenset(
    """
    model messages input role content name type text function functions tools tool_choice tool_calls tool_call_id
    function_call arguments custom id index object created choices message delta finish_reason usage
    system_fingerprint service_tier prompt_tokens completion_tokens total_tokens prompt_tokens_details
    completion_tokens_details cached_tokens audio_tokens reasoning_tokens accepted_prediction_tokens
    rejected_prediction_tokens cache_write_tokens stream stream_options include_usage include_obfuscation
    temperature top_p top_k n stop max_tokens max_completion_tokens presence_penalty frequency_penalty logit_bias
    logprobs top_logprobs token tokens bytes logprob token_logprobs text_offset seed user metadata store
    parallel_tool_calls response_format json_schema schema strict description parameters grammar syntax definition
    reasoning_effort verbosity modalities prediction audio voice format transcript data expires_at image_url url detail
    input_audio file file_id file_data filename refusal reasoning reasoning_content annotations url_citation
    start_index end_index title web_search_options search_context_size user_location approximate city country region
    timezone prompt_cache_key safety_identifier embedding embeddings dimensions encoding_format float base64
    x_context cache_control ttl layout signature thinking is_error turn prefill chars extra_content budget_tokens
    display context stop_reason stop_sequence stop_details
    system developer assistant tool chat.completion chat.completion.chunk chat.completions list length tool_calls
    content_filter auto none required low medium high minimal xhigh default flex priority json_object json
    ephemeral enabled disabled adaptive wav mp3 flac opus pcm16 call redacted_thinking
    $schema $ref $defs $id definitions properties additionalProperties patternProperties propertyNames items
    prefixItems enum const anyOf allOf oneOf not if then else string number integer boolean array null minimum maximum
    exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength pattern minItems maxItems uniqueItems contains
    minProperties maxProperties dependentRequired examples nullable
    """.split()  # noqa: SIM905 - a list of three hundred words is read as words
)
