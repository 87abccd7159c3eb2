import type { TSchema, Type as TypeBox } from 'typebox'

/**
 * The few of TypeBox's builders that we use, with its types and with what its own make, for each server and each
 * command at its start reads the whole of that library otherwise, 370 files. type.test.ts compares the two.
 */
type Builders = Pick<
  typeof TypeBox,
  | 'Array'
  | 'Boolean'
  | 'Enum'
  | 'Integer'
  | 'Literal'
  | 'Null'
  | 'Number'
  | 'Object'
  | 'Optional'
  | 'Record'
  | 'String'
  | 'Union'
  | 'Unknown'
  | 'Unsafe'
>

type Options = Readonly<Record<string, unknown>>

/** Where a property is optional, its schema says so out of sight: no JSON has it. */
const optional = '~optional'

const made = (schema: object, options?: Options): object => ({ ...schema, ...options })

const builders = {
  Array: (items: TSchema, options?: Options) => made({ type: 'array', items }, options),
  Boolean: (options?: Options) => made({ type: 'boolean' }, options),
  Enum: (values: readonly unknown[], options?: Options) => made({ enum: values }, options),
  Integer: (options?: Options) => made({ type: 'integer' }, options),
  Literal: (value: unknown, options?: Options) => made({ type: typeof value, const: value }, options),
  Null: (options?: Options) => made({ type: 'null' }, options),
  Number: (options?: Options) => made({ type: 'number' }, options),
  Object: (properties: Readonly<Record<string, TSchema>>, options?: Options) => {
    const required = Object.keys(properties).filter((name) => !Object.hasOwn(properties[name] as TSchema, optional))
    return made({ type: 'object', ...(required.length > 0 && { required }), properties }, options)
  },
  Optional: (schema: TSchema) => Object.defineProperty({ ...schema }, optional, { value: true }),
  /** Keys are texts. */
  Record: (key: { readonly pattern?: string }, values: TSchema, options?: Options) =>
    made({ type: 'object', patternProperties: { [key.pattern ?? '^.*$']: values } }, options),
  String: (options?: Options) => made({ type: 'string' }, options),
  Union: (anyOf: readonly TSchema[], options?: Options) => made({ anyOf }, options),
  Unknown: (options?: Options) => made({}, options),
  Unsafe: (schema: object) => ({ ...schema }),
}

export const Type = builders as unknown as Builders
