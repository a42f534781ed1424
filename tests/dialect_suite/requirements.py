"""What SQLite can do, as SQLAlchemy's dialect suite asks for it; one class for every driver of SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.testing import exclusions
from sqlalchemy.testing.requirements import SuiteRequirements

if TYPE_CHECKING:
    from sqlalchemy.testing.config import Config

SUPPORTED = """
    aggregate_order_by autocommit boolean_col_expressions check_constraint_reflection computed_columns
    computed_columns_reflect_persisted computed_columns_stored computed_columns_virtual create_table_as
    create_temp_table_as ctes ctes_with_update_delete ctes_with_values date_historic datetime_historic
    datetime_literals dbapi_lastrowid emulated_lastrowid except_ expression_server_defaults
    fk_constraint_option_reflection_ondelete_noaction fk_constraint_option_reflection_ondelete_restrict
    fk_constraint_option_reflection_onupdate_restrict float_or_double_precision_behaves_generically
    foreign_key_constraint_name_reflection foreign_key_constraint_option_reflection_ondelete
    foreign_key_constraint_option_reflection_onupdate has_temp_table index_ddl_if_exists
    indexes_check_column_order indexes_with_expressions infinity_floats inline_check_constraint_reflection
    intersect isolation_level json_type legacy_unconditional_json_extract mod_operator_as_percent_sign
    nullsordering nvarchar_types order_by_label_with_expression percent_schema_names
    precision_numerics_enotation_small precision_numerics_retains_significant_digits reflect_table_options
    reflects_pk_names regexp_match repeated_column_foreign_keys repeated_remote_col_foreign_keys savepoints
    schema_reflection schemas server_defaults skip_autocommit_rollback supports_bitwise_and
    supports_bitwise_not supports_bitwise_or supports_bitwise_shift table_ddl_if_exists temp_table_names
    temporary_views tuple_in unicode_ddl update_from uuid_data_type views window_functions window_range
    window_range_numeric
""".split()  # noqa: SIM905 - names read better as a paragraph

UNSUPPORTED = """
    implicitly_named_constraints parens_in_union_contained_select_w_limit_offset
    parens_in_union_contained_select_wo_limit_offset
""".split()  # noqa: SIM905 - names read better as a paragraph


class Requirements(SuiteRequirements):
    """SQLite's answers where they differ from the suite's own."""

    # The suite would open engines of its own then, which lack the attached ``test_schema``.
    independent_connections = exclusions.closed()

    def get_order_by_collation(self, config: Config) -> str:  # noqa: ARG002 - the suite's signature
        return "NOCASE"

    def get_isolation_levels(self, config: Config) -> dict[str, Any]:
        supported = config.db.dialect.get_isolation_level_values(None)
        return {"default": "SERIALIZABLE", "supported": supported}


for name in SUPPORTED:
    setattr(Requirements, name, exclusions.open())
for name in UNSUPPORTED:
    setattr(Requirements, name, exclusions.closed())
