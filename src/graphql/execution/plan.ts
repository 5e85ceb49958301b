import {
  type DocumentNode,
  defaultFieldResolver,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLAbstractType,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
  Kind,
  type OperationDefinitionNode,
  SchemaMetaFieldDef,
  type SelectionSetNode,
  TypeMetaFieldDef,
  TypeNameMetaFieldDef,
  visit,
} from 'graphql';

/**
 * Fields that a plan remembers for each character of its document. Fragments in fragments can name any number; what is beyond
 * is worked out every time, as graphql-js always does.
 */
const PLANNED_FIELDS_PER_CHARACTER_MAX = 0.5;

/** What a type asks of a value. */
export type Shape = { nullable: boolean } & (
  | { kind: 'list'; item: Shape }
  | { kind: 'leaf'; type: GraphQLLeafType }
  | { kind: 'abstract'; type: GraphQLAbstractType }
  | { kind: 'object'; type: GraphQLObjectType }
);

/** One field of the response, as far as it is the same for every execution. */
export type FieldPlan = {
  responseName: string;
  nodes: readonly FieldNode[];
  definition: GraphQLField<unknown, unknown>;
  parentType: GraphQLObjectType;
  resolve: GraphQLFieldResolver<unknown, unknown>;
  shape: Shape;
  /** Filled as types are met. */
  subfields: Map<GraphQLObjectType, readonly FieldPlan[]>;
};

/** What is worked out once for an operation: its fields, type by type, as executions come to them. */
export type Plan = {
  schema: GraphQLSchema;
  operation: OperationDefinitionNode;
  fragments: Record<string, FragmentDefinitionNode>;
  rootFields: readonly FieldPlan[];
  /** How many more fields are remembered. */
  room: number;
};

/** Plans an operation; undefined when it has something that differs from one execution to the next, or that a plan cannot name. */
export function planOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
): Plan | undefined {
  const rootType = schema.getRootType(operation.operation);
  if (!rootType || !isPlannable(document)) return undefined;
  const fragments = Object.create(null) as Plan['fragments'];
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments[definition.name.value] = definition;
  }
  const room = (document.loc?.end ?? 0) * PLANNED_FIELDS_PER_CHARACTER_MAX;
  const plan: Plan = { schema, operation, fragments, rootFields: [], room };
  plan.rootFields = planFields(plan, rootType, [operation.selectionSet]);
  return plan;
}

/** The fields below a field for one type of object. */
export function subfieldsOf(plan: Plan, field: FieldPlan, type: GraphQLObjectType): readonly FieldPlan[] {
  const known = field.subfields.get(type);
  if (known) return known;
  const selections = field.nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
  const fields = planFields(plan, type, selections);
  if (fields.length > plan.room) return fields;
  plan.room -= fields.length;
  field.subfields.set(type, fields);
  return fields;
}

/** @skip and @include depend on variables; a field called `__proto__` would set one. Both are left to graphql-js. */
function isPlannable(document: DocumentNode): boolean {
  let plannable = true;
  visit(document, {
    Directive: ({ name }) => {
      if (name.value === 'skip' || name.value === 'include') plannable = false;
    },
    Field: ({ alias }) => {
      if (alias?.value === '__proto__') plannable = false;
    },
  });
  return plannable;
}

function planFields(plan: Plan, type: GraphQLObjectType, selectionSets: readonly SelectionSetNode[]): FieldPlan[] {
  const nodes = new Map<string, FieldNode[]>();
  const visited = new Set<string>();
  for (const selectionSet of selectionSets) collectNodes(plan, type, selectionSet, nodes, visited);
  return [...nodes].flatMap(([responseName, fieldNodes]) => planField(plan, type, responseName, fieldNodes));
}

/** CollectFields of the GraphQL specification (6.3.2), without directives. */
function collectNodes(
  plan: Plan,
  type: GraphQLObjectType,
  selectionSet: SelectionSetNode,
  nodes: Map<string, FieldNode[]>,
  visited: Set<string>,
): void {
  for (const selection of selectionSet.selections) {
    if (selection.kind === Kind.FIELD) {
      const name = (selection.alias ?? selection.name).value;
      const same = nodes.get(name);
      if (same) same.push(selection);
      else nodes.set(name, [selection]);
      continue;
    }
    let fragment: FragmentDefinitionNode | typeof selection | undefined = selection;
    if (selection.kind === Kind.FRAGMENT_SPREAD) {
      if (visited.has(selection.name.value)) continue;
      visited.add(selection.name.value);
      fragment = plan.fragments[selection.name.value];
    }
    if (fragment?.kind === Kind.FRAGMENT_SPREAD || !fragment) continue;
    const condition = fragment.typeCondition?.name.value;
    if (condition !== undefined && !isOfType(plan.schema, type, condition)) continue;
    collectNodes(plan, type, fragment.selectionSet, nodes, visited);
  }
}

function isOfType(schema: GraphQLSchema, type: GraphQLObjectType, condition: string): boolean {
  if (type.name === condition) return true;
  const conditional = schema.getType(condition);
  return isAbstractType(conditional) && schema.isSubType(conditional, type);
}

function planField(
  { schema }: Plan,
  parentType: GraphQLObjectType,
  responseName: string,
  nodes: readonly FieldNode[],
): FieldPlan[] {
  const definition = definitionOf(schema, parentType, nodes[0]!.name.value);
  if (!definition) return [];
  return [
    {
      responseName,
      nodes,
      definition,
      parentType,
      resolve: definition.resolve ?? defaultFieldResolver,
      shape: shapeOf(definition.type),
      subfields: new Map(),
    },
  ];
}

function definitionOf(
  schema: GraphQLSchema,
  type: GraphQLObjectType,
  name: string,
): GraphQLField<unknown, unknown> | undefined {
  if (name === TypeNameMetaFieldDef.name) return TypeNameMetaFieldDef;
  if (type === schema.getQueryType()) {
    if (name === SchemaMetaFieldDef.name) return SchemaMetaFieldDef;
    if (name === TypeMetaFieldDef.name) return TypeMetaFieldDef;
  }
  return type.getFields()[name];
}

function shapeOf(type: GraphQLOutputType): Shape {
  const nullable = !isNonNullType(type);
  const inner: GraphQLOutputType = isNonNullType(type) ? type.ofType : type;
  if (isListType(inner)) return { nullable, kind: 'list', item: shapeOf(inner.ofType) };
  if (isLeafType(inner)) return { nullable, kind: 'leaf', type: inner };
  if (isAbstractType(inner)) return { nullable, kind: 'abstract', type: inner };
  return { nullable, kind: 'object', type: inner as GraphQLObjectType };
}
