import SchemaBuilder, {
  BasePlugin,
  type FieldNullability,
  type InputFieldMap,
  type PothosOutputFieldConfig,
  type SchemaTypes,
  type TypeParam,
} from '@pothos/core';
import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  getOperationAST,
  isAbstractType,
  isCompositeType,
  Kind,
  type NamedTypeNode,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';

declare global {
  export namespace PothosSchemaTypes {
    interface Plugins<Types extends SchemaTypes> {
      publicFields: PublicFieldsPlugin<Types>;
    }
    interface FieldOptions<
      Types extends SchemaTypes = SchemaTypes,
      ParentShape = unknown,
      Type extends TypeParam<Types> = TypeParam<Types>,
      Nullable extends FieldNullability<Type> = FieldNullability<Type>,
      Args extends InputFieldMap = InputFieldMap,
      ResolveShape = unknown,
      ResolveReturnShape = unknown,
    > {
      /**
       * The value is the same for everybody who may ask, signed in or not: it may be computed once for all of them (shared
       * fan-out) and kept (response cache). Without the mark nothing is ever shared. A field marked so must not read the
       * context's actor.
       */
      public?: boolean;
    }
  }
}

const PLUGIN_NAME = 'publicFields';

/** Carries the option `public` of fields into the schema, where {@link selectsOnlyPublicFields} finds it. */
class PublicFieldsPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override onOutputFieldConfig(field: PothosOutputFieldConfig<Types>): PothosOutputFieldConfig<Types> {
    return field.pothosOptions.public ? { ...field, extensions: { ...field.extensions, public: true } } : field;
  }
}

SchemaBuilder.registerPlugin(PLUGIN_NAME, PublicFieldsPlugin);

export default PLUGIN_NAME;

/** Whether everything that an operation of a valid document selects, fragments included and whatever type comes, is marked public. */
export function selectsOnlyPublicFields(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
): boolean {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  // Each fragment is looked at once: spread again and again it would take exponential time.
  const judged = new Map<string, boolean>();
  const isPublicSet = (type: GraphQLNamedType | undefined, { selections }: SelectionSetNode): boolean =>
    isCompositeType(type) && selections.every((selection) => isPublicSelection(type, selection));
  const isPublicField = (type: GraphQLObjectType, { name, selectionSet }: FieldNode): boolean => {
    if (name.value === '__typename') return true;
    const field = type.getFields()[name.value];
    if (!field?.extensions.public) return false;
    return !selectionSet || isPublicSet(getNamedType(field.type), selectionSet);
  };
  const typeOf = ({ name }: NamedTypeNode) => schema.getType(name.value);
  const isPublicFragment = (name: string): boolean => {
    const fragment = fragments.get(name);
    return fragment !== undefined && isPublicSet(typeOf(fragment.typeCondition), fragment.selectionSet);
  };
  const isPublicSelection = (type: GraphQLCompositeType, selection: SelectionNode): boolean => {
    if (selection.kind === Kind.FIELD) {
      return concreteTypes(schema, type).every((concrete) => isPublicField(concrete, selection));
    }
    if (selection.kind === Kind.INLINE_FRAGMENT) {
      return isPublicSet(selection.typeCondition ? typeOf(selection.typeCondition) : type, selection.selectionSet);
    }
    const name = selection.name.value;
    const verdict = judged.get(name) ?? isPublicFragment(name);
    judged.set(name, verdict);
    return verdict;
  };
  return isPublicSet(schema.getRootType(operation.operation) ?? undefined, operation.selectionSet);
}

function concreteTypes(schema: GraphQLSchema, type: GraphQLCompositeType): readonly GraphQLObjectType[] {
  return isAbstractType(type) ? schema.getPossibleTypes(type) : [type];
}

/** Whether an operation is a query of public fields only; judged once for each. */
export function createJudge(schema: GraphQLSchema): (document: DocumentNode, operationName?: string | null) => boolean {
  const verdicts = new WeakMap<OperationDefinitionNode, boolean>();
  return (document, operationName) => {
    const operation = getOperationAST(document, operationName);
    if (operation?.operation !== 'query') return false;
    let verdict = verdicts.get(operation);
    if (verdict === undefined) {
      verdict = selectsOnlyPublicFields(schema, document, operation);
      verdicts.set(operation, verdict);
    }
    return verdict;
  };
}
