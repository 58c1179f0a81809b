import type { ToolView } from '../../../electron/shared/views.ts';
import { Outside } from '../../components/outside.tsx';
import { texts } from '../../texts.ts';

/** Tools to tick, each with what it does to things. */
export function ToolPicker({
  legend,
  tools,
  chosen,
  onChange,
}: {
  legend: string;
  tools: readonly Pick<ToolView, 'name' | 'class'>[];
  chosen: readonly string[];
  onChange(chosen: string[]): void;
}) {
  return (
    <fieldset className="tool-picker">
      <legend>{legend}</legend>
      {tools.map((tool) => (
        <label key={tool.name}>
          <input
            type="checkbox"
            checked={chosen.includes(tool.name)}
            onChange={({ target }) =>
              onChange(target.checked ? [...chosen, tool.name] : chosen.filter((one) => one !== tool.name))
            }
          />{' '}
          <Outside text={tool.name} max={80} mono /> <span className="faint">{texts.consent.classes[tool.class]}</span>
        </label>
      ))}
    </fieldset>
  );
}
