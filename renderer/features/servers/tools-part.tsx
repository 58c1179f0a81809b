import { useId, useState } from 'react';
import { toolClasses } from '../../../electron/shared/call.ts';
import type { ServerView, ToolView } from '../../../electron/shared/views.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { Confirm } from '../../components/confirm.tsx';
import { Failure } from '../../components/failure.tsx';
import { Outside } from '../../components/outside.tsx';
import { Segmented } from '../../components/segmented.tsx';
import { TextChanges } from '../../components/text-changes.tsx';
import { useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';
import { FeaturesPart } from './features-part.tsx';
import { ReadsOnly } from './reads-only.tsx';
import { type Tools, useTools } from './use-tools.ts';

/** *What gets out*: the tools by what they can do, each with what happens when it is called. */
export function ToolsPart({ server }: { server: ServerView }) {
  const heading = useId();
  const tools = useTools(server);
  const words = texts.servers;
  const list = tools.tools;
  return (
    <section className="part" aria-labelledby={heading}>
      <header className="part-head">
        <h2 id={heading}>{words.outTitle}</h2>
        {list && list.length > 0 && (
          <span className="faint">
            {words.counts(server.tools) ??
              words.exposed(list.filter((tool) => tool.access !== 'off').length, list.length)}
          </span>
        )}
        <ReadsOnly server={server} tools={tools} />
      </header>
      <Failure error={tools.error} />
      {list === undefined && !tools.error && (
        <p className="faint" role="status">
          {words.outLoading}
        </p>
      )}
      {list?.length === 0 && <p className="faint">{server.shared ? words.outNone : words.outEmpty}</p>}
      {toolClasses.map((toolClass) => (
        <ClassGroup
          key={toolClass}
          server={server}
          toolClass={toolClass}
          list={(list ?? []).filter((tool) => tool.class === toolClass)}
          tools={tools}
        />
      ))}
      <FeaturesPart server={server} />
    </section>
  );
}

function ClassGroup({
  server,
  toolClass,
  list,
  tools,
}: {
  server: ServerView;
  toolClass: (typeof toolClasses)[number];
  list: readonly ToolView[];
  tools: Tools;
}) {
  if (list.length === 0) return null;
  return (
    <div className="tool-class" data-class={toolClass}>
      <h3>
        {texts.servers.classes[toolClass]}{' '}
        <span className="faint" title={texts.servers.classHints[toolClass]}>
          {texts.servers.classCounts(
            list.filter((tool) => tool.access === 'allow').length,
            list.filter((tool) => tool.access === 'ask').length,
            list.filter((tool) => tool.access === 'off').length,
          )}
        </span>
      </h3>
      <ul className="rows">
        {list.map((tool) => (
          <ToolRow key={tool.name} server={server} tool={tool} tools={tools} />
        ))}
      </ul>
    </div>
  );
}

const options = (['allow', 'ask', 'off'] as const).map((value) => ({ value, label: texts.servers.access[value] }));

function ToolRow({ server, tool, tools }: { server: ServerView; tool: ToolView; tools: Tools }) {
  const { bridge } = useServices();
  const [handing, setHanding] = useState<ToolView['access']>();
  const set = useAction(async (access: ToolView['access']) => {
    try {
      const answer = await bridge.request('tools.set', {
        server: server.slug,
        tool: tool.name,
        access,
        pin: tool.pin,
      });
      tools.put(answer.tool);
      setHanding(undefined);
    } catch (thrown) {
      tools.reload();
      throw thrown;
    }
  });
  const words = texts.servers;
  const state = words.toolStates[tool.state];
  return (
    <li className="row tool-row" data-access={tool.access}>
      <div className="row-main">
        <p className="tool-name">
          <Outside text={tool.name} max={120} mono />
          {state && (
            <span className="tag" data-state={tool.state} title={words.toolStateHints[tool.state]}>
              {state}
            </span>
          )}
        </p>
        {tool.description !== undefined && (
          <p className="tool-text">
            <Outside text={tool.description.split('\n')[0] ?? ''} max={220} />
          </p>
        )}
        <p className="faint tool-why">
          {words.why('')}
          <Outside text={tool.why} max={200} />
        </p>
        {state && <p className="warning-text">{words.toolStateHints[tool.state]}</p>}
        {tool.change && (
          <TextChanges
            before={tool.change.approved}
            now={tool.change.now}
            label={words.changeOf(visibleText(tool.name, { max: 120 }))}
          />
        )}
        <Failure error={set.error} />
      </div>
      <Segmented
        label={words.accessOf(visibleText(tool.name, { max: 120 }))}
        value={tool.access}
        options={options}
        disabled={set.pending || tool.state === 'gone'}
        onChange={(access) => {
          // What runs anything that it is told is switched on by a second step, which says what that hands over.
          if (tool.class === 'dangerous' && tool.access === 'off' && access !== 'off') setHanding(access);
          else set.start(access);
        }}
      />
      {handing && (
        <Confirm
          title={words.handTitle(visibleText(tool.name, { max: 120 }))}
          text={words.handText(visibleText(server.name, { max: 80 }), visibleText(tool.why, { max: 200 }), handing)}
          confirm={words.handDo}
          action={{ ...set, start: () => set.start(handing) }}
          onClose={() => setHanding(undefined)}
        />
      )}
    </li>
  );
}
