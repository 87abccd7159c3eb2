import { idOf, isWithin, useForm, type FieldProps } from './context.ts'
import { pointerOf } from './draft.ts'
import { describe, Faults, Help, isStranger, Row } from './parts.tsx'
import { blankOf, isComposite, isKept, labelOf, tagOf, variantOf, variantsOf, type Schema } from './schema.ts'

/** One of several that look different: which, and what that has. */
export function Choice(props: FieldProps): preact.JSX.Element {
  const { schema, way, value } = props
  const { Field } = useForm()
  const variants = variantsOf(schema) ?? []
  const tag = tagOf(variants)
  const chosen = variantOf(variants, value)
  if (!isComposite(schema)) return <Inline {...props} variants={variants} chosen={chosen} />
  return (
    <>
      <Which {...props} variants={variants} chosen={chosen} label={tag ?? 'what it is'} />
      {chosen && (
        <div class="variant">
          {chosen.type === 'object' ? (
            <Members schema={chosen} way={way} value={value} />
          ) : (
            !('const' in chosen) && <Field {...props} schema={chosen} isBare />
          )}
        </div>
      )}
    </>
  )
}

interface WhichProps extends FieldProps {
  readonly variants: readonly Schema[]
  readonly chosen: Schema | undefined
}

function Which(props: WhichProps): preact.JSX.Element {
  const { way, variants, label, isNeeded, chosen } = props
  const form = useForm()
  const tag = tagOf(variants)
  const at = tag === undefined ? [...way, '?'] : [...way, tag]
  const pointer = pointerOf(at)
  const faults = form.faults.filter(
    (one) => one.pointer === pointer || isStranger(one.pointer, pointerOf(way), chosen?.properties),
  )
  return (
    <Row way={at} label={label} isNeeded={isNeeded} faults={faults}>
      <Selected {...props} id={idOf(at)} faults={faults.length} />
    </Row>
  )
}

function Selected(props: WhichProps & { id: string; faults: number; help?: string | undefined }): preact.JSX.Element {
  const { way, value, variants, isNeeded, chosen } = props
  const form = useForm()
  const tag = tagOf(variants)
  const offered = variants.filter((one) => !form.isNew || !isKept(one) || one === chosen)
  const index = chosen === undefined ? '' : String(variants.indexOf(chosen))
  return (
    <select
      {...describe(props.id, { help: props.help, faults: props.faults, isNeeded: isNeeded === true })}
      value={index}
      onChange={({ currentTarget: { value: picked } }) => {
        const variant = variants[Number(picked || 'none')]
        form.edit(way, variant && blankOf(variant, value))
        form.touch(tag === undefined ? way : [...way, tag])
      }}
    >
      {chosen === undefined && (value !== undefined || isNeeded) && <option value="">choose one</option>}
      {!isNeeded && <option value={value === undefined ? '' : 'none'}>none</option>}
      {offered.map((one) => (
        <option key={variants.indexOf(one)} value={variants.indexOf(one)}>
          {labelOf(one, tag)}
        </option>
      ))}
    </select>
  )
}

/** A secret: a text, or the name of a place; in one line. */
function Inline(props: WhichProps): preact.JSX.Element {
  const { schema, way, value, chosen, label } = props
  const { Field, faults: all } = useForm()
  const id = idOf([...way, '?'])
  const faults = all.filter((fault) => isWithin(fault.pointer, pointerOf(way)))
  const own = chosen?.type === 'object' ? Object.entries(chosen.properties ?? {})[0] : undefined
  const [name, member] = own ?? []
  return (
    <div class={props.isBare ? 'field bare' : 'field'} data-pointer={pointerOf(way)}>
      <label for={id} class={props.isBare ? 'unseen' : undefined}>
        <span>
          {label}
          {props.isNeeded && <small> required</small>}
        </span>
      </label>
      <div class="control">
        <div class="pair">
          <Selected {...props} id={id} faults={faults.length} help={helpOf(schema, chosen)} />
          {chosen && chosen.type !== 'object' && !('const' in chosen) && (
            <Field
              schema={chosen}
              way={way}
              value={value}
              label={`${label}: ${labelOf(chosen, undefined)}`}
              isBare
              isNeeded
            />
          )}
          {name !== undefined && member !== undefined && !('const' in member) && (
            <Field
              schema={member}
              way={[...way, name]}
              value={(value as Record<string, unknown>)[name]}
              label={`${label}: ${name}`}
              isBare
              isNeeded
            />
          )}
        </div>
        {(chosen === undefined || own) && (
          <Faults id={id} faults={faults.filter(({ pointer }) => pointer === pointerOf(way))} />
        )}
        <Help id={id} text={helpOf(schema, chosen)} />
      </div>
    </div>
  )
}

/** What it is for is said by the text that it may be. */
function helpOf(schema: Schema, chosen: Schema | undefined): string | undefined {
  const plain = schema.anyOf?.find((one) => one.type !== 'object')
  const named = Object.values(chosen?.properties ?? {})[0]?.description
  return (
    [plain?.description, named ?? (chosen && isKept(chosen) ? schema.description : undefined)]
      .filter(Boolean)
      .join(' ') || undefined
  )
}

/** What an object has, but for what says which it is. */
export function Members({ schema, way, value }: Pick<FieldProps, 'schema' | 'way' | 'value'>): preact.JSX.Element {
  const { Field } = useForm()
  const members = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  return (
    <>
      {Object.entries(schema.properties ?? {}).map(([name, member]) =>
        'const' in member ? null : (
          <Field
            key={name}
            schema={member}
            way={[...way, name]}
            value={members[name]}
            label={name}
            isNeeded={schema.required?.includes(name) === true}
          />
        ),
      )}
    </>
  )
}
