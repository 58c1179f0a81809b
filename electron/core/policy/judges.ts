import type { Call, Decision } from '../../shared/call.ts';
import { visibleText } from '../../shared/visible-text.ts';
import type { Reached } from './guarded-places.ts';
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
  /** Everything that is no tool call: the plain methods pass, all else is off. */
  function otherMethods({ call, reached }) {
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
  function access({ tool }) {
    if (!tool) return undefined;
    const { classified } = tool;
    if (tool.access === 'ask') return asked(`access:ask`, askReason[classified.class], tool, 0);
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
  return { effect: 'ask', rule, reasons: [reason, ...why], risk: Math.min(100, classRisk[kind] + more), class: kind };
}
