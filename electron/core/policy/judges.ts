import type { Call, Decision } from '../../shared/call.ts';
import { JsonObject } from '../../shared/json-tree.ts';
import { visibleText } from '../../shared/visible-text.ts';
import type { Canary } from './canaries.ts';
import type { Reached } from './guarded-places.ts';
import type { PausedAgent } from './paused-agents.ts';
import type { RuleBook, RuleMatches } from './rule-book.ts';
import type { Rule } from './rules-document.ts';
import { type Label, type SessionMemory, told } from './session-memory.ts';
import { startupPlace } from './startup-places.ts';
import type { KnownTool } from './tool-registry.ts';

/** What a judge looks at: the call, the tool that it names, and where its arguments lead. */
export interface Case {
  readonly call: Call;
  /** The tool of exactly that name, if the server has one. */
  readonly tool: KnownTool | undefined;
  /** Why the server's record cannot be used, if it cannot. */
  readonly unreadable: string | undefined;
  /** Where the arguments lead; worked out when first asked for. */
  reached(): Reached;
  /** Set while the agent is paused. */
  readonly paused: PausedAgent | undefined;
  /** A planted value that the call holds; looked for when first asked. */
  canary(): Canary | undefined;
  /** What has passed through the agent's session. */
  readonly memory: SessionMemory;
  readonly book: RuleBook;
  /** What the rules say; worked out when first asked for. */
  matched(): RuleMatches;
}

/** Speaks if the case is its own, else leaves it to the next. The first that speaks decides. */
export type Judge = (subject: Case) => Decision | undefined;

/** Base risk by class, 0 to 100. */
const classRisk = { read: 10, effect: 40, dangerous: 80 } as const;

/** Methods that only open, list or end; what they list is filtered where it is made. */
export const plainMethods: ReadonlySet<string> = new Set([
  'initialize',
  'notifications/initialized',
  'notifications/cancelled',
  'ping',
  'server/discover',
  'tools/list',
  'logging/setLevel',
]);

/** The judges in the order of `design.md` §4: what denies, then what asks, then what the person set. */
export const judges: readonly Judge[] = [
  /** Its tokens stay valid, and nothing of it runs. */
  function pausedAgent({ call, tool, paused }) {
    if (!paused || plainMethods.has(call.method)) return undefined;
    return denied('agent:paused', `This agent is paused since ${paused.at}: ${paused.why}`, tool);
  },
  /** Everything that is no tool call: the plain methods pass, all else is off. */
  function otherMethods({ call, reached, canary }) {
    if (call.method === 'tools/call') return undefined;
    if (plainMethods.has(call.method)) {
      return {
        effect: 'allow',
        rule: 'method:plain',
        reasons: ['It only opens, lists or ends.'],
        risk: 0,
        class: 'read',
      };
    }
    const planted = canary();
    if (planted) return canaryLeaves(planted, undefined);
    if (call.feature !== undefined) return sharedFeature(call, reached());
    return {
      effect: 'deny',
      rule: 'method:off',
      reasons: ['Resources, prompts, completions and tasks are off for this server.'],
      risk: 30,
      class: 'effect',
    };
  },
  function lostRecord({ tool, unreadable }) {
    return unreadable === undefined ? undefined : denied('pin:unreadable', unreadable, tool);
  },
  function unknownTool({ tool }) {
    return tool ? undefined : denied('exposure:unknown', 'This server has no tool of that name.', tool);
  },
  function changedTool({ call, tool }) {
    if (!tool) return undefined;
    if (tool.state === 'new') return denied('pin:new', 'This tool is new: it is off until you look at it.', tool);
    if (tool.state === 'gone') return denied('pin:gone', 'The server no longer lists this tool.', tool);
    if (tool.state === 'changed' || call.pin !== tool.approvedPin) {
      return denied(
        'pin:changed',
        'This tool has changed since it was approved (its pin differs): it is blocked until you look at it.',
        tool,
      );
    }
    return undefined;
  },
  function switchedOff({ tool }) {
    return tool?.access === 'off' ? denied('exposure:off', 'This tool is switched off.', tool) : undefined;
  },
  /** `security.md` S7: nothing lifts it. */
  function ownFiles({ tool, reached }) {
    const { own } = reached();
    const certain = own === 'yes' || (own === 'perhaps' && tool?.classified.class === 'dangerous');
    if (!certain) return undefined;
    const reason = 'Its arguments lead to Sallyport’s own files. No agent may read or change them.';
    return { ...denied('built-in:data-folder', reason, tool), risk: 100 };
  },
  function denyRule({ tool, matched }) {
    const { deny } = matched();
    return deny && { ...denied(`rule:${deny.id}`, ruleReason(deny, 'Your rules do not allow it.'), tool), risk: 90 };
  },
  /** Nobody has business with a planted value: who sends it was led to it. Also pauses the agent (`pausesAgent`). */
  function plantedValue({ tool, canary }) {
    const planted = canary();
    return planted && canaryLeaves(planted, tool);
  },
  function perhapsOwnFiles({ tool, reached }) {
    const { own } = reached();
    if (own === 'perhaps') {
      return asked('built-in:data-folder', 'Its arguments speak of Sallyport’s own files.', tool, 50);
    }
    if (own !== 'above' || tool?.classified.class === 'read') return undefined;
    return asked('built-in:data-folder', 'Its arguments name a folder that holds Sallyport’s own files.', tool, 30);
  },
  /** `security.md` S7: asks for reads too, and over everything that allows. */
  function credentialPlaces({ tool, reached }) {
    const { credentials } = reached();
    if (credentials === undefined) return undefined;
    const reason = `Its arguments lead to a place for credentials: ${visibleText(credentials, { max: 120 })}.`;
    return asked('built-in:credentials', reason, tool, 40);
  },
  function tooMuchToJudge({ tool, reached }) {
    if (reached().complete) return undefined;
    return asked('built-in:unjudged', 'Its arguments hold more strings than can be checked.', tool, 20);
  },
  /** A file that other programs run or obey by themselves: writing it is running something later. */
  function startupPlaces({ call, tool }) {
    if (!tool || tool.classified.class === 'read') return undefined;
    const place = startupPlace(call.arguments);
    if (place === undefined) return undefined;
    const reason = `It would change ${visibleText(place, { max: 120 })}, which other programs run or obey by themselves.`;
    return asked('built-in:startup', reason, tool, 40);
  },
  /** `design.md` §4: labels ask also over allow rules and remembered answers, unless the rule names the label. */
  function labels(subject) {
    const { tool, call, memory, matched } = subject;
    if (!tool) return undefined;
    if (tool.nature.directs !== undefined) {
      const reason = `Its description looks as if it were written to direct the agent: ${tool.nature.directs}.`;
      return asked('label:description', reason, tool, 30);
    }
    if (tool.resembles !== undefined) {
      const reason = `Its name can be taken for “${visibleText(tool.resembles, { max: 80 })}”, which is another tool.`;
      return asked('label:look-alike', reason, tool, 30);
    }
    const carried = memory.carries(call, tool.nature);
    if (carried !== undefined && !local(tool)) return asked('label:carries', carried, tool, 40);
    const dripped = tool.classified.class === 'read' ? memory.drips(call, tool.nature) : undefined;
    if (dripped !== undefined) return asked('label:drips', dripped, tool, 30);
    const found = memory.labels(call);
    if (found.size === 0) return undefined;
    const needed = labelsThatAsk(tool, found);
    if (needed === undefined) return undefined;
    const named: ReadonlySet<string> = new Set(matched().allow?.when.labels ?? []);
    if (named.size > 0 && needed.labels.every((label) => named.has(label))) return undefined;
    const now = Date.parse(call.at);
    const seen = needed.labels.flatMap((label) => {
      const origin = found.get(label);
      return origin ? [`${labelWords[label]} (${told(origin, now)})`] : [];
    });
    const reason = `${needed.why} In this session passed through: ${seen.join(', ')}.`;
    return asked(needed.rule, reason, tool, 30);
  },
  function budgets({ call, tool, memory, book }) {
    if (!tool) return undefined;
    const used = memory.usedUp(call, tool.nature, book);
    if (!used) return undefined;
    return used.budget.then === 'ask'
      ? asked('budget:ask', used.sentence, tool, 30)
      : denied('budget:pause', `${used.sentence} The agent is paused until a person lets it go on.`, tool);
  },
  function askRule({ tool, matched }) {
    const { ask } = matched();
    return ask && asked(`rule:${ask.id}`, ruleReason(ask, 'Your rules want to be asked.'), tool, 0);
  },
  function allowRule({ tool, matched }) {
    const { allow } = matched();
    if (!tool || !allow) return undefined;
    const kind = tool.classified.class;
    const reasons = [ruleReason(allow, 'Your rules allow it.'), tool.classified.why];
    return { effect: 'allow', rule: `rule:${allow.id}`, reasons, risk: classRisk[kind], class: kind };
  },
  function access({ call, tool }) {
    if (!tool) return undefined;
    const { classified } = tool;
    if (tool.access === 'ask') {
      // For good: one yes is for one call, or for these very arguments.
      if (tool.nature.irreversible) return asked('access:irreversible', 'It cannot be taken back.', tool, 10);
      return asked('access:ask', askReason[classified.class], tool, 0);
    }
    const saves = classified.class === 'read' ? savedBy(tool, call) : undefined;
    if (saves !== undefined) {
      return asked('class:saves', `With “${visibleText(saves, { max: 40 })}” it writes a file.`, tool, 20);
    }
    return {
      effect: 'allow',
      rule: classified.class === 'read' ? 'class:read' : 'access:allow',
      reasons: [
        classified.class === 'read' ? 'It only reads.' : 'You let this tool run without asking.',
        classified.why,
      ],
      risk: classRisk[classified.class],
      class: classified.class,
    };
  },
];

/** Resources and prompts that the person ticked: they are read, but never from the guarded places. */
function sharedFeature(call: Call, reached: Reached): Decision {
  const guarded = reached.own === 'yes' || reached.own === 'perhaps' || reached.credentials !== undefined;
  const rule = reached.own === 'yes' || reached.own === 'perhaps' ? 'built-in:data-folder' : 'built-in:credentials';
  if (guarded) {
    const reason = 'It leads to Sallyport’s own files, or to a place for credentials.';
    return { effect: 'deny', rule, reasons: [reason], risk: 100, class: 'read' };
  }
  if (!reached.complete) {
    const reason = 'It holds more strings than can be checked.';
    return { effect: 'deny', rule: 'built-in:unjudged', reasons: [reason], risk: 50, class: 'read' };
  }
  const reasons = [`You share the ${call.feature} of this server.`];
  return { effect: 'allow', rule: 'feature:shared', reasons, risk: 10, class: 'read' };
}

function canaryLeaves(planted: Canary, tool: KnownTool | undefined): Decision {
  const where = visibleText(planted.note, { max: 80 });
  const reason = `Its arguments hold the value that you planted on ${planted.at.slice(0, 10)} (“${where}”), so the agent is paused.`;
  return { ...denied('canary:leaves', reason, tool), risk: 100 };
}

const labelWords: Readonly<Record<Label, string>> = {
  private: 'private data',
  untrusted: 'untrusted text',
  secret: 'a secret',
  injected: 'text that speaks to the agent',
};

/** Whether what the tool is given stays on this machine by its nature: a file, a note, a draft. */
function local(tool: KnownTool): boolean {
  return tool.classified.class === 'effect' && tool.nature.kept;
}

/** The parameter of a reading tool that is given here and makes it write a file. */
function savedBy(tool: KnownTool, call: Call): string | undefined {
  const given = call.arguments;
  return given instanceof JsonObject ? tool.nature.savesBy.find((name) => given.get(name) !== undefined) : undefined;
}

/** The labels under which a tool's effect asks whatever was said before, and why. */
function labelsThatAsk(
  tool: KnownTool,
  found: ReadonlyMap<Label, unknown>,
): { rule: string; labels: readonly Label[]; why: string } | undefined {
  const { nature, classified } = tool;
  const untrusted: Label = found.has('injected') ? 'injected' : 'untrusted';
  if (nature.looksOutside && classified.class === 'read' && found.has('private') && found.has(untrusted)) {
    return { rule: 'label:outward', labels: ['private', untrusted], why: 'It asks a machine that the agent names.' };
  }
  if (classified.class === 'read') {
    return found.has('injected') && (nature.public || nature.looksOutside)
      ? { rule: 'label:injected', labels: ['injected'], why: 'What it is asked reaches others.' }
      : undefined;
  }
  if (found.has('injected')) {
    return { rule: 'label:injected', labels: ['injected'], why: 'It changes things.' };
  }
  if (nature.outward && found.has('secret')) {
    return { rule: 'label:outward', labels: ['secret', untrusted], why: 'What it does reaches others.' };
  }
  if (nature.outward && found.has('private') && found.has('untrusted')) {
    return { rule: 'label:outward', labels: ['private', 'untrusted'], why: 'What it does reaches others.' };
  }
  if (nature.irreversible && found.has('untrusted')) {
    return { rule: 'label:irreversible', labels: ['untrusted'], why: 'It cannot be taken back.' };
  }
  return undefined;
}

function ruleReason(rule: Rule, otherwise: string): string {
  return rule.reason ?? `${otherwise} (Rule “${rule.id}”, line ${rule.line}.)`;
}

const askReason = {
  read: 'You want to be asked for this tool.',
  effect: 'It changes things.',
  dangerous: 'It runs whatever it is given.',
} as const;

function denied(rule: string, reason: string, tool: KnownTool | undefined): Decision {
  const kind = tool?.classified.class ?? 'effect';
  return { effect: 'deny', rule, reasons: [reason], risk: classRisk[kind], class: kind };
}

function asked(rule: string, reason: string, tool: KnownTool | undefined, more: number): Decision {
  const kind = tool?.classified.class ?? 'effect';
  const why = tool ? [tool.classified.why] : [];
  // Asking for a tool is what was agreed on; these ask because of the call.
  const unusual = /^(?:label|budget|built-in):/.test(rule) ? { unusual: [reason] } : {};
  const risk = Math.min(100, classRisk[kind] + more);
  return { effect: 'ask', rule, reasons: [reason, ...why], ...unusual, risk, class: kind };
}
