"""What is broken on purpose, promise by promise. Whoever changes one of these lines changes the mutation with it."""

from tests.mutations.mutation import Mutation

__all__ = ["MUTATIONS"]

LEDGER, WORKER, UNIT = "tests/integration/ledger", "tests/integration/worker", "tests/unit"

MUTATIONS = (
    # -- 1: accepted is durable
    Mutation(
        1,
        "an acceptance counts although its fsync was not confirmed",
        "ledger/store.py",
        "        if not safe:\n",
        "        if safe is None:\n",
        f"{LEDGER}/test_durability.py::test_a_key_used_again_does_not_make_durable_what_was_not",
    ),
    Mutation(
        1,
        "the embedded server fsyncs once a second",
        "ledger/embedded.py",
        '"appendfsync": "always",',
        '"appendfsync": "everysec",',
        f"{LEDGER}/test_durability.py::test_a_power_cut_takes_nothing_that_was_accepted",
    ),
    Mutation(
        1,
        "`everysec` is trusted although it confirms early",
        "ledger/durability.py",
        "return not all(_is_confirmed(alone, key, LOOKS) for _ in range(2))",
        "return True",
        f"{LEDGER}/test_durability.py::test_what_a_server_gives_is_told",
    ),
    Mutation(
        1,
        "a key is forgotten",
        "ledger/lua/accept.lua",
        "    redis.call('SET', key('key', DESK, item.key), item.id .. ' ' .. item.digest, 'PX', item.key_ttl_ms)\n",
        "",
        f"{LEDGER}/test_ledger.py::test_the_same_key_and_content_is_the_same_notification",
    ),
    # -- 2: the counts add up
    Mutation(
        2,
        "the counts do not follow a state",
        "ledger/lua/shared/records.lua",
        "  count(record.lane, from, -1)\n",
        "",
        f"{LEDGER}/test_ledger_model.py::test_any_sequence_of_verbs_leaves_what_the_model_says",
    ),
    Mutation(
        2,
        "a row that is cancelled before its turn is counted again when its turn comes",
        "ledger/lua/cancel.lua",
        "  info.cancelled_ahead = redis.call('HINCRBY', key('lane', record.lane), 'cancelled_ahead', 1)\n",
        "",
        f"{LEDGER}/test_announcements.py::test_a_row_that_was_cancelled_before_its_turn_is_counted_once",
    ),
    Mutation(
        2,
        "rows whose announcement is given another time are not counted as scheduled",
        "ledger/lua/reschedule.lua",
        "  count(id, 'scheduled', resting(info))\n",
        "",
        f"{LEDGER}/test_rescheduling.py::"
        "test_one_that_was_paused_before_its_first_row_is_scheduled_and_resumed_for_its_time",
    ),
    # -- 3: no call without a slot
    Mutation(
        3,
        "the pacer ignores the window",
        "ledger/lua/shared/slots.lua",
        "    if oldest then at = math.max(at, oldest + limit.window) end\n",
        "",
        f"{LEDGER}/test_slots.py::test_no_window_has_more_slots_than_the_quota_however_often_the_pacer_looks",
    ),
    Mutation(
        3,
        "a claim that comes late keeps its slot",
        "ledger/lua/claim.lua",
        "if #limits == 0 or vouched and now + reply_ms - slot <= late_ms then return slot end",
        "if slot then return slot end",
        f"{LEDGER}/test_slots.py::test_a_claim_that_comes_too_late_for_its_slot_takes_another_one_at_once",
    ),
    Mutation(
        3,
        "an inline retry takes no slot",
        "worker/claimed.py",
        "        self._slot = None\n",
        "",
        f"{WORKER}/test_slots_of_retries.py::test_a_try_without_a_slot_is_not_made",
    ),
    Mutation(
        3,
        "slots are not shifted when the clock is set",
        "ledger/lua/step.lua",
        "redis.call('LSET', SLOTS, index - 1, string.format('%d', at + by))",
        "redis.call('LSET', SLOTS, index - 1, at)",
        f"{WORKER}/test_clock_steps.py::test_a_desk_keeps_its_quota_and_goes_on_when_the_clock_is_set",
    ),
    # -- 4: one call at a time
    Mutation(
        4,
        "a claim is granted although another worker holds it",
        "ledger/lua/claim.lua",
        "if record and record.progress.state == 'queued' then",
        "if record and (record.progress.state == 'queued' or record.progress.state == 'sending') then",
        f"{LEDGER}/test_ledger.py::test_only_one_of_two_workers_gets_a_notification",
    ),
    Mutation(
        4,
        "a result is recorded without its lease",
        "ledger/lua/record.lua",
        "if not record or record.progress.token ~= token or not may(record, to) then return 0 end",
        "if not record or not may(record, to) then return 0 end",
        f"{LEDGER}/test_leases.py::test_who_lost_the_lease_can_neither_record_nor_renew",
    ),
    # -- 5: maybe-sent is never silently repeated
    Mutation(
        5,
        "the sweep ignores `hold`",
        "ledger/lua/sweep.lua",
        "if record.on_unknown == 'resend' and record.progress.lost < MOST_LOST then",
        "if record.progress.lost < MOST_LOST then",
        f"{LEDGER}/test_leases.py::test_a_lost_claim_rests_as_unknown_where_the_policy_says_hold",
    ),
    Mutation(
        5,
        "a call that left whole and got no answer counts as not sent",
        "feishu/verdict.py",
        "        kind = Kind.UNKNOWN\n",
        "        kind = Kind.TRANSIENT\n",
        f"{UNIT}/feishu/test_verdict.py::test_a_call_without_an_answer_is_judged_by_what_had_left",
    ),
    Mutation(
        5,
        "a worker defers a maybe-sent notification although it says `hold`",
        "worker/delivery.py",
        "claimed.notification.on_unknown == OnUnknown.HOLD:",
        "claimed.notification.on_unknown == OnUnknown.RESEND:",
        f"{WORKER}/test_maybe_sent.py::test_it_is_listed_and_shown_with_what_left_how_it_ended_and_when",
    ),
    Mutation(
        5,
        "an answer about an address that comes twice puts its event into the lane twice",
        "ledger/lua/shared/resolving.lua",
        "  leave_unresolved(record.id)\n"
        "  if answer.open_id then\n"
        "    local input = redis.call('HGET', record.key, 'input') or ''\n"
        "    redis.call('HSET', record.key, 'input', addressed(input, answer.open_id))\n"
        "    redis.call('HDEL', record.key, 'unresolved')\n",
        "  if answer.open_id then\n"
        "    local input = redis.call('HGET', record.key, 'input') or ''\n"
        "    redis.call('HSET', record.key, 'input', addressed(input, answer.open_id))\n",
        f"{LEDGER}/test_unresolved.py::test_an_answer_counts_whoever_brings_it",
    ),
    # -- 6: waiting costs no retry budget
    Mutation(
        6,
        "the probe of an outage is charged to its notification",
        "worker/delivery.py",
        "        if claimed.claim.probing:  # the desk is down, not the notification\n",
        "        if claimed is None:\n",
        f"{WORKER}/test_long_outage.py"
        "::test_two_hours_cost_few_calls_and_no_retry_budget_and_drain_at_the_quota_with_events_first",
    ),
    Mutation(
        6,
        "a throttle is charged to the retry budget",
        "worker/claimed.py",
        "        return claimed.result(State.QUEUED)\n",
        "        return claimed.deferred(round(hold_seconds * 1000), failing_ms=round(hold_seconds * 1000))\n",
        "tests/acceptance/test_outcomes.py::test_a_throttle_is_waited_out_without_costing_the_retry_budget",
    ),
    # -- 7: an event waits for one slot at most
    Mutation(
        7,
        "rows are released before events",
        "ledger/lua/release.lua",
        "release_events(most)\nrelease_rows(most)\n",
        "release_rows(most)\nrelease_events(most)\n",
        f"{LEDGER}/test_announcements.py::test_events_go_before_announcements",
    ),
    Mutation(
        7,
        "announcements are not paced",
        "ledger/lua/release.lua",
        "local paced = #limits == 0 and 0 or tonumber(redis.call('HGET', HOLDS, 'pace_at') or 0)",
        "local paced = 0",
        f"{LEDGER}/test_announcement_pace.py::test_an_event_waits_for_one_slot_at_most_however_full_the_quota_is",
    ),
    Mutation(
        7,
        "turns ignore the weight",
        "ledger/lua/release.lua",
        "math.max(had, 1) / info.weight, lane)",
        "math.max(had, 1), lane)",
        f"{LEDGER}/test_announcements.py::test_announcements_take_turns_by_weight",
    ),
    # -- 8: pause and cancel take hold within a second
    Mutation(
        8,
        "a claim ignores a pause",
        "ledger/lua/claim.lua",
        "if is_stopped(record) or hold and hold['until'] > now then",
        "if hold and hold['until'] > now then",
        f"{LEDGER}/test_announcements.py"
        "::test_nothing_is_released_of_a_paused_announcement_and_a_released_row_is_not_claimed",
    ),
    Mutation(
        8,
        "a holder gets a further slot of a cancelled announcement",
        "ledger/lua/renew.lua",
        "not held and not is_stopped(record) and is_clock_vouched()",
        "not held and is_clock_vouched()",
        f"{LEDGER}/test_announcements.py"
        "::test_the_holder_of_a_row_gets_no_further_slot_when_its_announcement_is_stopped",
    ),
    # -- 9: what one worker learns, all know
    Mutation(
        9,
        "a hold is ignored",
        "ledger/lua/release.lua",
        "if hold and hold['until'] > now then return 0, hold['until'] end",
        "",
        f"{LEDGER}/test_holds.py::test_nothing_is_released_while_a_desk_is_held_and_the_next_look_is_at_its_end",
    ),
    Mutation(
        9,
        "every worker probes",
        "ledger/lua/release.lua",
        "return flying == 0 and math.min(room, 1) or 0, now + PROBE_LOOK",
        "return room, now + PROBE_LOOK",
        f"{LEDGER}/test_holds.py::test_one_probe_is_out_at_a_time",
    ),
    # -- 10: bad input is refused whole
    Mutation(
        10,
        "wrong rows are left out without a word",
        "producers/announcements/check.py",
        "            if problems:\n                self._reject(problems)\n",
        "",
        f"{UNIT}/producers/announcements/test_flow.py::test_what_is_wrong_with_a_row_is_told_and_nothing_accepted",
    ),
    Mutation(
        10,
        "the others of a call are accepted although one key stands for another content",
        "ledger/lua/accept.lua",
        "  if refused and all_or_nothing then\n",
        "  if item.first and not item.same then\n",
        f"{LEDGER}/test_ledger.py"
        "::test_the_same_key_with_another_content_is_refused_and_nothing_of_the_call_is_accepted",
    ),
    # -- 11: no secret and no message in a log
    Mutation(
        11,
        "Feishu's text is kept with what it repeats of the message",
        "feishu/verdict.py",
        '_CONTROL.sub(" ", _without_quotes(msg[:_MSG_SCAN_CHARS], private))[:_MSG_CHARS]',
        '_CONTROL.sub(" ", msg[:_MSG_SCAN_CHARS])[:_MSG_CHARS]',
        f"{UNIT}/feishu/test_verdict.py::test_msg_does_not_repeat_the_content_of_the_message",
    ),
    Mutation(
        11,
        "an unexpected error is logged with its text",
        "producers/web/problems.py",
        '"a request failed: %s\\n%s", type(error).__name__, where,',
        '"a request failed: %s\\n%s", error, where,',
        f"{UNIT}/producers/web/test_problems.py::test_what_is_unexpected_is_neither_told_nor_logged_with_its_text",
    ),
    # -- 12: what is read is what was meant, or refused
    Mutation(
        12,
        "of a name that stands twice in a JSON object the last one counts",
        "ledger/messages/strict_json.py",
        "    if len(found) != len(pairs):\n",
        "    if len(found) > len(pairs):\n",
        f"{UNIT}/producers/web/test_bodies.py::test_what_two_readers_might_read_in_two_ways_is_refused",
    ),
    Mutation(
        12,
        "a row of a CSV file with too many cells loses the last ones",
        "producers/announcements/recipients/csv_rows.py",
        "        while len(values) > width and not values[-1]:\n",
        "        while len(values) > width:\n",
        f"{UNIT}/producers/announcements/test_recipients_files.py"
        "::test_a_row_of_the_wrong_width_says_what_was_expected_and_found",
    ),
    Mutation(
        12,
        "an event by address is released before it has a receiver",
        "ledger/lua/release.lua",
        "      elseif record.contact then\n",
        "      elseif not id then\n",
        f"{LEDGER}/test_unresolved.py::test_what_an_older_version_put_into_the_lane_is_not_sent_to_nobody",
    ),
    Mutation(
        12,
        "an event by address is claimed before it has a receiver",
        "ledger/lua/shared/announcements.lua",
        "  return record.contact or info and info.state ~= 'running'\n",
        "  return info and info.state ~= 'running'\n",
        f"{LEDGER}/test_unresolved.py::test_one_that_was_released_without_a_receiver_is_not_claimed",
    ),
    Mutation(
        12,
        "the answer about one address is taken for another",
        "ledger/lua/shared/resolving.lua",
        "answers[record.contact] or known_person(app, record.contact)",
        "select(2, next(answers)) or known_person(app, record.contact)",
        f"{LEDGER}/test_unresolved.py::test_each_address_leads_to_its_own_person",
    ),
    Mutation(
        12,
        "an answer about an address is kept for ever",
        "ledger/lua/answer.lua",
        "  redis.call('SET', key('person', app, digest), text, 'PX', kept_ms)\n",
        "  redis.call('SET', key('person', app, digest), text)\n",
        f"{LEDGER}/test_unresolved.py::test_an_answer_is_kept_for_its_time_and_no_longer",
    ),
    Mutation(
        12,
        "an answer about an address is kept for longer than DESKBELL_PEOPLE_FOR",
        "feishu/people.py",
        "settings.people_for // timedelta(milliseconds=1)",
        "settings.people_for // timedelta(microseconds=1)",
        f"{UNIT}/feishu/test_people.py::test_an_answer_is_remembered_a_day_and_a_problem_ten_minutes",
    ),
    # -- 13: nothing is lost unseen
    Mutation(
        13,
        "of a Redis URL with two databases one counts",
        "ledger/redis_url.py",
        'if "db" in options and where.get("db", options["db"]) != options["db"]:',
        "if where is None:",
        f"{UNIT}/ledger/test_redis_url.py::test_what_cannot_be_meant_is_refused_in_words",
    ),
    Mutation(
        13,
        "a refused webhook is not noted",
        "producers/web/hook_notes.py",
        "    await _note(context, HookEntry(_now_ms(), hook.name, HookOutcome.REFUSED, reason=refusal.detail))\n",
        "    del context, hook, refusal\n",
        "tests/integration/producers/web/test_hooks.py::test_what_is_not_signed_is_refused_and_noted_without_its_body",
    ),
    Mutation(
        13,
        "an answer about an address reaches no event",
        "ledger/lua/shared/resolving.lua",
        "      if answer then\n",
        "      if not answer then\n",
        f"{LEDGER}/test_unresolved.py::test_it_is_queued_and_cannot_be_released_until_it_has_a_receiver",
    ),
    Mutation(
        13,
        "nobody asks again about an address when its asker is lost",
        "ledger/lua/shared/people.lua",
        "if asker and tonumber(ends) <= now + ASKER_LEASE then from = math.max(from, tonumber(ends)) end",
        "if asker then from = math.max(from, now + ASKER_LEASE) end",
        f"{LEDGER}/test_unresolved.py::test_what_a_lost_worker_asked_is_asked_by_another",
    ),
    # -- 14: screens, doctor and exit codes tell the truth
    Mutation(
        14,
        "doctor exits with 0 whatever it finds",
        "producers/cli/doctor.py",
        "return any(check.status is Status.FAIL for check in checks)",
        "return checks is None",
        "tests/integration/producers/cli/test_doctor.py::test_missing_credentials_are_named_by_their_variables",
    ),
    Mutation(
        14,
        "doctor is content without a worker",
        "producers/doctor/diagnosis.py",
        "    if not workers:\n",
        "    if workers is None:\n",
        "tests/integration/producers/cli/test_doctor.py::test_without_a_worker_it_warns_and_says_how_to_start_one",
    ),
    Mutation(
        14,
        "doctor --ledger says that a lost notification is in its place",
        "ledger/inspection/invariants.py",
        "if state is State.QUEUED and it.times_in_lane is not None and not it.places:",
        "if it is None:",
        "tests/integration/producers/cli/test_doctor.py::test_what_is_broken_in_the_ledger_is_told_by_invariant_and_id",
    ),
    Mutation(
        14,
        "no screen tells that what waits is not sent",
        "ledger/health.py",
        "    if not names:\n        return\n",
        "    if names is not None:\n        return\n",
        f"{LEDGER}/test_health.py::test_without_a_worker_what_waits_for_ten_seconds_is_a_failure",
    ),
    Mutation(
        14,
        "what is given another time still goes at its old one",
        "ledger/lua/reschedule.lua",
        "  redis.call('ZADD', waits_in(record), at, id)\n",
        "",
        f"{LEDGER}/test_rescheduling.py::test_an_event_that_is_due_now_goes_now_and_cannot_be_rescheduled_then",
    ),
    # -- 15: work is bounded
    Mutation(
        15,
        "a key has as many requests under way as it likes",
        "producers/web/shares.py",
        "if self._under_way[key] >= MOST_UNDER_WAY:",
        "if self._under_way is None:",
        f"{UNIT}/producers/web/test_shares.py::test_a_key_has_so_many_requests_under_way_and_each_gives_its_place_back",
    ),
    Mutation(
        15,
        "any number of callbacks is kept for one owner",
        "ledger/lua/shared/callbacks.lua",
        "if redis.call('ZCARD', queue) > MOST_CALLBACKS then",
        "if false then",
        f"{LEDGER}/test_callbacks.py::test_of_too_many_the_one_that_would_be_posted_last_is_dropped_and_counted",
    ),
    # -- 16: a mass send is seen before it is sent
    Mutation(
        16,
        "rows behind the first ones are released",
        "ledger/lua/release.lua",
        "    if info.next >= released_up_to(info) then return nil end\n",
        "    if info.next >= info.total then return nil end\n",
        f"{LEDGER}/test_announcement_model.py::test_any_sequence_of_verbs_keeps_announcements_whole",
    ),
    Mutation(
        16,
        "an announcement does not pause after its first rows",
        "ledger/lua/shared/announcements.lua",
        "first_rows_rest(info, left) and 'first_n'",
        "nil",
        f"{LEDGER}/test_stops.py::test_only_the_first_rows_are_released_and_it_pauses_when_they_have_ended",
    ),
    Mutation(
        16,
        "failures from before it was resumed stop it again",
        "ledger/lua/steer.lua",
        "'failed_before', ended[2] or 0)",
        "'failed_before', 0)",
        f"{LEDGER}/test_stops.py::test_failures_count_anew_when_it_is_resumed",
    ),
)
