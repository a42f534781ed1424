from tenantdb.cli.demo import data


def test_ids_are_all_different_however_many_are_asked_for():
    ids = data.tenants(1000)
    assert len(set(ids)) == 1000
    assert ids[:200] == data.tenants(200)


def test_a_tenant_has_the_same_few_hundred_rows_each_time():
    rows = [*data.users("cedar-labs"), *data.contacts("cedar-labs")]
    assert rows == [*data.users("cedar-labs"), *data.contacts("cedar-labs")]
    assert 150 <= len(rows) <= 450


def test_emails_of_a_tenant_are_unique():
    emails = [user.email for user in data.users("cedar-labs")]
    assert len(set(emails)) == len(emails)


def test_some_contacts_have_no_company():
    assert {contact.company_name for contact in data.nameless_contacts()} == {None}


def test_the_schemas_are_shipped_as_documents():
    assert "Departments" not in data.document(1)
    assert "Departments" in data.document(2)
