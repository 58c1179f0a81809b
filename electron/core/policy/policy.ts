import type { Call, Decision, ToolAccess } from '../../shared/call.ts';
import type { JsonNode, JsonObject } from '../../shared/json-tree.ts';
import type { ToolView } from '../../shared/views.ts';
import type { Masked } from './mask-result.ts';
import type { RulesDocument } from './rules-document.ts';

/** Decides what a call may do. Pure over what it was told: no sockets, no prompts. */
export interface Policy {
  /**
   * Pins every tool as approved with its class's default access (read: allow, effect: ask, dangerous: off): what
   * sharing does. Tools that were set by the person before keep their access where the pin is unchanged.
   */
  approveAll(server: string, definitions: readonly JsonObject[]): void;
  /** Judges definitions ahead, in slices; {@link observe} and {@link approveAll} are quick after it. */
  prepare(definitions: readonly JsonObject[]): Promise<void>;
  /** Takes note of the tools that a server lists now: an unknown one is `new` (off), a different one `changed` (blocked). */
  observe(server: string, definitions: readonly JsonObject[]): void;
  /** Every tool known of a server, also those gone; sorted by name. */
  tools(server: string): readonly ToolView[];
  /** One of {@link tools}. */
  tool(server: string, name: string): ToolView | undefined;
  /**
   * Sets a tool's access. Anything but `off` on a new or changed tool approves the definition whose pin is given.
   * @throws SallyportError at hop `policy`: `tool_not_found`, `pin_stale`
   */
  setAccess(server: string, tool: string, access: ToolAccess, pin?: string): ToolView;
  /** Whether agents may see this definition: the tool is on, and the definition is the approved one. */
  exposes(server: string, definition: JsonObject): boolean;
  /** Pin of the approved definition of a tool; undefined if there is none. */
  pinOf(server: string, tool: string): string | undefined;
  /** Forgets a server altogether. */
  forget(server: string): void;
  /** The decision on a call, by the order of `design.md` §4. Never throws: what it cannot judge, it denies. */
  decide(call: Call): Decision;
  /** A call is about to run: budgets count it. Once per call. */
  ran(call: Call): void;
  /**
   * A result passed through to the agent: from here on its session is labelled with what it held (`design.md` §4).
   * @param at milliseconds since the epoch
   */
  saw(call: Call, result: JsonNode, at: number): void;
  /** The result as it may go to the agent: secrets masked, unless an allow rule of the person names the label `secret`. */
  masked(call: Call, result: JsonObject, definition: JsonObject): Promise<Masked>;
  /** A person lets a paused agent go on: its budgets count anew. */
  resumed(agent: string): void;
  /** The rules in force. */
  rules(): RulesDocument;
  /** Puts other rules in force, for the next decision on. */
  setRules(document: RulesDocument): void;
  /** After each change of tools, access or rules (of no server in particular: `''`); the function returned ends that. */
  onChange(listener: (server: string) => void): () => void;
}
