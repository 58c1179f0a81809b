/** Times and caps of asking (`design.md` §4). Milliseconds where a time. */
export interface ApprovalLimits {
  /** How long a request is held before the agent is told to ask again. */
  readonly holdMs: number;
  /** How long before the client's own deadline the request is answered. */
  readonly deadlineMarginMs: number;
  /** What a pending answer names as the time after which asking again makes sense. */
  readonly retryAfterMs: number;
  /** How long a prompt lives. */
  readonly promptMs: number;
  /** How long it lives while the person is away. */
  readonly awayPromptMs: number;
  /** How long an answer that nobody waited for is kept for the next identical call. */
  readonly permitMs: number;
  /** How long an agent's tool is refused after two prompts in a row were not answered. */
  readonly cooldownMs: number;
  /** Unanswered prompts in a row that bring the cooldown. */
  readonly cooldownAfter: number;
  /** Open prompts of one agent. */
  readonly promptsPerAgent: number;
  /** Open prompts in all. */
  readonly prompts: number;
  /** Identical calls that share a prompt. */
  readonly callsPerPrompt: number;
  /** Prompts that one agent may open in a minute, answered, cancelled or not. */
  readonly opensPerMinute: number;
}

/** The figures that hold unless a test sets others. */
export const approvalLimits: ApprovalLimits = {
  holdMs: 45_000,
  deadlineMarginMs: 2_000,
  retryAfterMs: 5_000,
  promptMs: 300_000,
  awayPromptMs: 12 * 3_600_000,
  permitMs: 600_000,
  cooldownMs: 300_000,
  cooldownAfter: 2,
  promptsPerAgent: 10,
  prompts: 50,
  callsPerPrompt: 20,
  opensPerMinute: 30,
};
