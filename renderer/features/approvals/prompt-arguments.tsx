import { type JsonNode, JsonObject, parseJson, serializeJson } from '../../../electron/shared/json-tree.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { OutsideBlock } from '../../components/outside-block.tsx';
import { formatNumber } from '../../format.ts';
import { texts } from '../../texts.ts';
import { foldWhitespace } from './fold-whitespace.ts';

const shortValue = 120;

/** The arguments as name and value, from the exact text that would run: numbers keep the digits they were written in. */
export function PromptArguments({ text }: { text: string }) {
  const tree = parsed(text);
  if (!(tree instanceof JsonObject)) return <OutsideBlock text={text} label={texts.prompt.new} />;
  if (tree.members.size === 0) return <p className="faint">{texts.prompt.noArguments}</p>;
  return (
    <dl className="arguments">
      {[...tree.members].map(([name, value]) => (
        <div key={name} className="argument">
          <dt className="mono">{visibleText(name, { max: 80 })}</dt>
          <dd>
            <Value name={name} value={value} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Value({ name, value }: { name: string; value: JsonNode }) {
  const text = typeof value === 'string' ? value : serializeJson(value);
  const folded = foldWhitespace(text, { multiline: true });
  if (folded.length <= shortValue && !folded.includes('\n')) {
    return (
      <bdi className="outside mono" translate="no">
        {text === '' ? '""' : visibleText(folded)}
      </bdi>
    );
  }
  return (
    <>
      <OutsideBlock text={folded} label={visibleText(name, { max: 80 })} />
      <span className="faint argument-count">
        {formatNumber(text.length)} {text.length === 1 ? 'character' : 'characters'}
      </span>
    </>
  );
}

function parsed(text: string): JsonNode | undefined {
  if (text === '') return new JsonObject();
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}
